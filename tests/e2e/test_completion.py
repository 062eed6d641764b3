#!/usr/bin/env python3
"""`sigprof completion`: bash completes commands, options and the words of options; the shells take their scripts."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402

# What bash does at a Tab: fills in the words and their number, and calls the function. compopt works only then.
COMPLETE = """
compopt() { echo "compopt $*"; }
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_sigprof
printf '%s\\n' "${COMPREPLY[@]}"
"""


def script(directory, shell):
    path = os.path.join(directory, "sigprof." + shell)
    with open(path, "wb") as file:
        done = e2e.run([e2e.SIGPROF, "completion", shell], stdout=file)
    e2e.equal((done.returncode, done.stderr), (0, b""), f"exit and stderr of sigprof completion {shell}")
    return path


def shell_or_skip(name):
    return shutil.which(name) or e2e.skip(f"no {name}")


def completed(directory, *words):
    bash = shell_or_skip("bash")
    done = e2e.run([bash, "--norc", "-c", COMPLETE, "bash", script(directory, "bash"), *words], cwd=directory)
    e2e.equal((done.returncode, done.stderr), (0, b""), f"exit and stderr for {words}")
    return done.stdout.decode().split("\n")[:-1]


def test_bash_completes_commands(directory):
    e2e.equal(completed(directory, "sigprof", "tr"), ["tree", "traces"], "commands with tr")
    e2e.check({"record", "top", "completion", "--help"} < set(completed(directory, "sigprof", "")), "all commands")
    e2e.equal(completed(directory, "sigprof", "zzz"), [""], "no command")


def test_bash_completes_options_and_their_words(directory):
    e2e.equal(completed(directory, "sigprof", "top", "--show"), ["--show=", "--show-from=", "--showcolumns"], "--show")
    e2e.equal(completed(directory, "sigprof", "top", "--foc"), ["compopt -o nospace", "--focus="], "--foc")
    e2e.equal(completed(directory, "sigprof", "top", "--col", "x.pb.gz"), [""], "behind a file: files")
    e2e.equal(completed(directory, "sigprof", "top", "--color", "="), ["auto", "always", "never"], "--color=")
    e2e.equal(completed(directory, "sigprof", "top", "--color", "=", "ne"), ["never"], "--color=ne")
    e2e.equal(completed(directory, "sigprof", "record", "--trigger", "=", "p"), ["perf"], "--trigger=p")
    e2e.check("--inuse-space" not in completed(directory, "sigprof", "top", "--in"), "habits of pprof's users")


def test_bash_completes_the_command_to_record(directory):
    e2e.check("printf" in completed(directory, "sigprof", "record", "print"), "commands")


def test_scripts_are_what_their_shells_take(directory):
    checks = {"bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "--no-execute"]}
    missing = []
    for shell, words in checks.items():
        path = script(directory, shell)
        if shutil.which(words[0]) is None:
            missing.append(shell)
            continue
        done = e2e.run([*words, path], env={**os.environ, "HOME": directory})
        e2e.equal((done.returncode, done.stderr), (0, b""), f"exit and stderr of {words}")
    if shutil.which("shellcheck"):
        done = e2e.run(["shellcheck", "-s", "bash", script(directory, "bash")])
        e2e.equal((done.returncode, done.stdout), (0, b""), "what shellcheck says")
    if missing:
        e2e.skip(f"no {' or '.join(missing)}; the others are right")


def test_fish_completes(directory):
    fish = shell_or_skip("fish")
    words = 'source "$argv[1]"; complete -C "sigprof tr"; complete -C "sigprof top --foc"; ' \
            'complete -C "sigprof top --color=a"'
    done = e2e.run([fish, "--no-config", "-c", words, script(directory, "fish")], env={**os.environ, "HOME": directory})
    e2e.equal((done.returncode, done.stderr), (0, b""), "exit and stderr of fish")
    first = [line.split("\t")[0] for line in done.stdout.decode().splitlines()]
    for word in ("tree", "traces", "--focus", "--color=auto"):
        e2e.check(any(found.startswith(word) for found in first), f"{word} in {first}")


if __name__ == "__main__":
    e2e.main(globals())
