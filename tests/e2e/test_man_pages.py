#!/usr/bin/env python3
"""Man pages know all commands and all options, and hold to mdoc's rules."""
import glob
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402

PAGES = os.path.join(e2e.ROOT, "docs", "man")
SHARED = "sigprof-options.7"


def page(name):
    with open(os.path.join(PAGES, name), encoding="utf-8") as file:
        return file.read()


def help_of(*words):
    done = e2e.run([e2e.SIGPROF, *words, "--help"])
    e2e.equal((done.returncode, done.stderr), (0, b""), f"exit and stderr of sigprof {words} --help")
    return done.stdout.decode()


def commands():
    return re.findall(r"^  ([a-z]+) +\S", help_of().split("commands:\n")[1].split("\n\n")[0], re.MULTILINE)


def options_of(command):
    """Each as mdoc has it behind its first dash: letters and "-name"."""
    found = re.findall(r"^ {2}(?:-(.), |    )--([a-z-]+)", help_of(command), re.MULTILINE)
    return {text for letter, name in found for text in (letter, "-" + name) if text}


def options_in(text):
    """What stands behind Fl, to the next macro: of `.It Fl n Ar n , Fl -nodecount Ns = Ns Ar n` and `.Fl -a , -b`."""
    found, is_flag = set(), False
    for word in re.findall(r"[^\s.]+", text):
        if word == "Fl" or (is_flag and word in (",", "|")):
            is_flag = True
            continue
        is_flag = is_flag and re.fullmatch("-[a-z-]+|[a-zA-Z]", word) is not None
        if is_flag:
            found.add(word)
    return found


def test_every_command_has_a_page_and_stands_in_the_first_one(_):
    first = page("sigprof.1")
    for command in commands():
        e2e.check(f".Dt SIGPROF-{command.upper()} 1" in page(f"sigprof-{command}.1"), f"page of {command}")
        e2e.check(f".It Ic {command}\n" in first and f".Xr sigprof-{command} 1" in first, f"{command} in sigprof.1")


def test_every_option_stands_in_its_page(_):
    for command in commands():
        own = page(f"sigprof-{command}.1")
        known = options_in(own) | (options_in(page(SHARED)) if "sigprof-options 7" in own else set())
        missing = options_of(command) - known - {"-help", "h"}
        e2e.equal(missing, set(), f"options that are not in the page of {command}")


def test_pages_hold_to_the_rules_of_mdoc(_):
    mandoc = shutil.which("mandoc") or e2e.skip("no mandoc")
    done = e2e.run([mandoc, "-T", "lint", "-W", "warning", *sorted(glob.glob(os.path.join(PAGES, "*.[0-9]")))])
    e2e.equal(done.stdout.decode(), "", "what mandoc says")


if __name__ == "__main__":
    e2e.main(globals())
