#!/usr/bin/env python3
"""What all commands have in common: their help, their options in both spellings, their files, and where the text goes:
to pipes, files, full disks, and terminals with colours, cut lines and a pager.

The profiles are written here, as folded stacks: what the reports say of real ones is other tests' business.
"""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402
import on_terminal  # noqa: E402
import pprof_encode  # noqa: E402

STACKS = "main;work;hot 60\nmain;work;cold 25\nmain;idle 15\n"
REPORTS = ("top", "tree", "peek", "list", "disasm", "traces", "tags", "raw", "comments", "folded")
WITH_REGEX = ("peek", "list", "disasm")
WITHOUT_JSON = ("raw", "folded", "convert")
COLUMNS = 60


def sigprof(*words, status=0, **options):
    done = e2e.run([e2e.SIGPROF, *words], **options)
    e2e.equal(done.returncode, status, f"exit of sigprof {words}\n{done.stderr.decode(errors='replace')}")
    return done


def refusal(*words, status=2):
    """What the command says, which is of one line before the usage."""
    done = sigprof(*words, status=status)
    e2e.equal(done.stdout, b"", f"stdout of sigprof {words}")
    lines = done.stderr.decode().splitlines()
    e2e.check(lines and lines[0].startswith("sigprof: "), f"{lines}")
    e2e.check(all(re.match("usage: |see '", line) for line in lines[1:]), f"{lines}")
    return lines[0]


def refused(text, *words, status=2):
    said = refusal(*words, status=status)
    e2e.check(text in said, f"sigprof {words}: {said!r} has no {text!r}")


def write(directory, name, text=STACKS):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def flat(*words):
    rows = json.loads(sigprof("top", "--json", "--no-trim", *words).stdout)["rows"]
    return {row["name"]: row["flat"] for row in rows}


def commands():
    text = sigprof("--help").stdout.decode()
    return re.findall(r"^  ([a-z]+) +\S", text.split("commands:\n")[1].split("\n\n")[0], re.MULTILINE)


def test_every_command_has_help_that_lists_its_options(_):
    found = commands()
    e2e.check(set(REPORTS) < set(found) and len(found) == len(set(found)), f"{found}")
    for command in found:
        text = sigprof(command, "--help").stdout.decode()
        e2e.check(text.startswith(f"usage: sigprof {command} "), text[:60])
        e2e.check(" --help " in text and max(map(len, text.splitlines())) <= 118, f"help of {command}:\n{text}")
        e2e.equal(sigprof("help", command).stdout.decode(), text, f"sigprof help {command}")
        for option in re.findall(r"^ {2}(?:-., |    )--([a-z-]+)", text, re.MULTILINE):  # each is really taken
            said = e2e.run([e2e.SIGPROF, command, f"--{option}=", "--no-such-option"]).stderr.decode()
            e2e.check(option == "help" or f'unknown option "--{option}' not in said, f"sigprof {command} --{option}: {said}")
    for command in REPORTS:
        text = sigprof(command, "--help").stdout.decode()
        for option in ("focus", "tagroot", "sample-index", "nodecount", "base", "json", "output", "color", "no-pager"):
            e2e.check(f" --{option}" in text, f"{option} in the help of {command}")


def test_wrong_usage_is_told_with_what_was_meant(directory):
    path = write(directory, "a.folded")
    refused("did you mean 'top'?", "tpo")
    refused("did you mean 'tree'?", "help", "tere")
    refused("did you mean '--version'?", "--verson")
    refused("there is no command 'zzzzzz'", "zzzzzz")
    refused("did you mean --focus?", "top", "--fcous=x", path)
    refused("did you mean --nodecount?", "top", "-nodecont", "5", path)
    refused("--nodecount, --nodefraction", "top", "--no", path)
    refused("--cum and --flat cannot both", "top", "-cum", "--flat", path)
    refused("--lines and --files cannot both", "tree", "--lines", "--files", path)
    refused("--base and --diff-base", "top", f"--base={path}", f"--diff-base={path}", path)
    refused("needs a --base", "top", "--normalize", path)
    refused("auto, always and never", "top", "--color=blue", path)
    refused("FILE is missing", "top")
    refused("REGEX and FILE are missing", "peek")
    refused("empty", "top", "")
    refused("-o needs a FILE", "top", "-o", "", path)
    refused("once only", "top", "-", "-")
    refused("did you mean json?", "convert", "-f", "jsn", path)
    for command in WITHOUT_JSON:
        refused("no JSON of this", command, "--json", path)
    refused("no-such-file", "top", os.path.join(directory, "no-such-file"), status=1)
    refused("missing closing )", "top", "--focus=(", path, status=1)
    refused("no matches", "peek", "nothing_like_it", path, status=1)
    e2e.equal(e2e.run([e2e.SIGPROF]).returncode, 2, "exit without a command")


def test_both_spellings_mean_the_same(directory):
    path = write(directory, "a.folded")
    for ours, theirs in ((["--nodecount=2"], ["-nodecount=2"]), (["-n2"], ["-nodecount", "2"]), (["--cum"], ["-cum"]),
                         (["--focus=hot"], ["-focus", "hot"]), (["--show-from=work"], ["-show_from=work"]),
                         (["--no-trim"], ["-trim=false"]), (["--nodefr", "0.3"], ["-nodefraction=0.3"]),
                         (["--relative-percentages", "--ignore", "idle"], ["-relative_percentages", "-ignore=idle"])):
        e2e.equal(sigprof("top", path, *ours).stdout, sigprof("top", *theirs, path).stdout, f"{ours} and {theirs}")
    e2e.check(b"idle" not in sigprof("top", "-focus", "hot|cold", "--", path).stdout, "-- ends the options")


def test_files_add_up_and_a_base_is_taken_off(directory):
    one = write(directory, "a.folded")
    two = write(directory, "b.folded", "main;work;hot 10\nmain;other 5\n")
    e2e.equal(flat(one, two), {"hot": 70, "cold": 25, "idle": 15, "other": 5, "main": 0, "work": 0}, "the sum")
    less = {"hot": 50, "cold": 25, "idle": 15, "other": -5, "main": 0, "work": 0}
    e2e.equal(flat("--base", two, one), less, "without the base")
    e2e.equal(flat(f"-diff_base={two}", one), less, "the difference")
    scaled = flat("--normalize", f"--diff-base={two}", one)
    e2e.equal(sum(scaled.values()), 0, f"what is left when both have one size, {scaled}")
    with open(one, "rb") as file:
        e2e.equal(json.loads(sigprof("top", "--json", "-", stdin=file).stdout)["total"], 100, "the total of stdin")
    done = sigprof("top", "--json", one, os.path.join(directory, "none"))
    e2e.equal(json.loads(done.stdout)["total"], 100, "the total of what can be read")
    e2e.check(b"read 1 of 2 profiles" in done.stderr, f"{done.stderr}")


def test_json_is_json_wherever_there_is_one(directory):
    path = write(directory, "a.folded", STACKS + 'main;say "hi"\\;\t 5\n')
    for command in set(REPORTS) - set(WITHOUT_JSON) - {"list", "disasm"}:  # of these there is no source here
        words = [command, "--json", *(["main"] if command in WITH_REGEX else []), path]
        found = json.loads(sigprof(*words).stdout)
        e2e.equal(found["report"], command, "report")
    e2e.check("say" in str(flat(path)), f"{flat(path)}")


def test_output_file_is_whole_or_not_there(directory):
    path = write(directory, "a.folded")
    there = write(directory, "there", "what was there")
    sigprof("top", "-o", there, "--focus=(", path, status=1)
    with open(there, "rb") as file:
        e2e.equal(file.read(), b"what was there", "the file after a failure")
    plain = sigprof("top", path).stdout
    e2e.equal(sigprof("top", "-o", there, path).stdout, b"", "stdout")
    with open(there, "rb") as file:
        e2e.equal(file.read(), plain, "the file")
    e2e.equal(sigprof("top", "-o", "-", path).stdout, plain, "-o -")
    e2e.equal(e2e.files_in(directory), ["a.folded", "there"], "files")
    refused("no-folder", "top", "-o", os.path.join(directory, "no-folder", "x"), path, status=1)


def test_what_cannot_be_written_fails(directory):
    path = write(directory, "a.folded")
    for words in (["top", path], ["top", "--json", path], ["folded", path], ["top", "--help"], ["--help"],
                  ["--version"], ["completion", "bash"], ["convert", path], ["merge", path]):
        with open("/dev/full", "wb") as full:
            done = sigprof(*words, status=1, stdout=full)
        e2e.check(b"No space left" in done.stderr, f"sigprof {words} on a full disk: {done.stderr}")
        done = e2e.run(["sh", "-c", 'exec "$@" >&-', "sh", e2e.SIGPROF, *words])
        e2e.equal(done.returncode, 1, f"exit of sigprof {words} without a stdout")
        e2e.equal(len(done.stderr.splitlines()), 1, f"lines of {done.stderr}")
    refused("No space left", "top", "-o", "/dev/full", path, status=1)


# Terminals.

def terminal(directory, *words, rows=200, columns=COLUMNS, **variables):
    kept = {name: value for name, value in os.environ.items()
            if name not in ("NO_COLOR", "PAGER", "SIGPROF_PAGER", "LESS", "CLICOLOR_FORCE")}
    env = {**kept, "TERM": "xterm", "PAGER": marking_pager(directory), **variables}
    status, text = on_terminal.run([e2e.SIGPROF, *words], columns, rows, env)
    e2e.equal(status, 0, f"exit of sigprof {words} on a terminal\n{text}")
    return text


def marking_pager(directory):
    path = write(directory, "pager", "#!/bin/sh\necho PAGED\nexec cat\n")
    os.chmod(path, 0o700)
    return path


def without_colors(text):
    return re.sub("\033\\[[0-9;]*m", "", text)


def test_colours_are_on_terminals_and_nowhere_else(directory):
    path = write(directory, "a.folded")
    plain = sigprof("top", path).stdout.decode()
    e2e.check("\033" not in plain, plain)
    colored = terminal(directory, "top", path)
    e2e.check("\033[31m60.00%\033[0m" in colored, repr(colored))
    e2e.equal(without_colors(colored), plain, "the text without its colours")
    for words, variables in ((["--color=never"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"})):
        e2e.equal(terminal(directory, "top", *words, path, **variables), plain, f"{words} {variables}")
    forced = sigprof("top", "--color=always", path, env={**os.environ, "NO_COLOR": "1"}).stdout.decode()
    e2e.check("\033[31m" in forced and without_colors(forced) == plain, repr(forced))
    for words in (["folded"], ["top", "--json"], ["raw"], ["comments"]):
        e2e.check("\033" not in terminal(directory, *words, path), f"{words} has colours")


def test_lines_are_cut_at_the_width_of_the_terminal(directory):
    path = write(directory, "a.folded", STACKS + f"main;{'ä' * 80} 20\nmain;{'b' * 10} 10\n")
    plain = sigprof("top", path).stdout.decode()
    shown = without_colors(terminal(directory, "top", path)).splitlines()
    e2e.equal([line if len(line) <= COLUMNS else line[:COLUMNS - 1] + "…" for line in plain.splitlines()], shown, "lines")
    e2e.check(any(line.endswith("ä…") and len(line) == COLUMNS for line in shown), f"{shown}")
    e2e.equal(without_colors(terminal(directory, "top", "--wide", path)), plain, "--wide")
    for command in ("folded", "raw", "comments"):  # each line is content
        e2e.equal(terminal(directory, command, path), sigprof(command, path).stdout.decode(), command)


def test_names_cannot_command_the_terminal(directory):
    path = os.path.join(directory, "a.pb")
    profile = pprof_encode.Profile([("cpu", "nanoseconds")], comments=["\033[2Jhot"])
    profile.mapping("/usr/bin/prog")
    profile.sample([10**7], "\033]0;title\007\033[2Jhot\u009b", "main")
    with open(path, "wb") as file:
        file.write(profile.encode())
    for words in (["top"], ["folded"], ["traces"], ["raw"], ["comments"], ["info"], ["top", "--json"]):
        text = without_colors(terminal(directory, *words, path))
        e2e.check(not set("\033\007\u009b") & set(text) and "hot" in text, f"sigprof {words}: {text!r}")


def test_pager_gets_what_is_longer_than_the_screen(directory):
    path = write(directory, "a.folded")
    plain = sigprof("top", path).stdout.decode()
    n_lines = len(plain.splitlines())
    e2e.check("PAGED" not in terminal(directory, "top", path, rows=n_lines + 1), "what fits needs no pager")
    text = terminal(directory, "top", path, rows=n_lines)
    e2e.equal(without_colors(text), "PAGED\n" + plain, "what the pager gets")
    e2e.check("PAGED" not in terminal(directory, "top", "--no-pager", path, rows=4), "--no-pager")
    e2e.check("PAGED" not in terminal(directory, "top", "--json", path, rows=2), "what is for programs has no pager")
    own = terminal(directory, "top", path, rows=4, SIGPROF_PAGER="sed s/hot/OURS/")
    e2e.check("PAGED" not in own and "OURS" in own, own)
    missing = terminal(directory, "top", path, rows=4, PAGER=os.path.join(directory, "no-such-pager"))
    e2e.check(without_colors(missing).endswith(plain), missing)
    early = terminal(directory, "top", path, rows=4, PAGER="true")  # the user leaves it at once
    e2e.equal(early, "", "what is shown besides")


if __name__ == "__main__":
    e2e.main(globals())
