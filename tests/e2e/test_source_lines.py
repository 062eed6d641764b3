#!/usr/bin/env python3
"""A recording has files, lines and inlined callers, and `go tool pprof` shows the source by them."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402

CPU_MS = 500
SOURCE = os.path.join(e2e.ROOT, "tests", "targets", "hot.c")
LOOP = "x = x * 6364136223846793005u"  # where hot_spin spends its time


def recorded(directory):
    got = e2e.record(directory, [e2e.target("hot"), "main", CPU_MS])
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    return got


def gos():
    found = e2e.find_gos()
    if not found:
        e2e.skip("there is no Go")
    return found


def hot_lines():
    """The lines of hot_spin's loop: its head and its body."""
    with open(SOURCE, encoding="utf-8") as file:
        body = next(number for number, line in enumerate(file, 1) if LOOP in line)
    return {body - 1, body}


def test_mapping_says_what_is_there(directory):
    profile = recorded(directory).profile(executable="hot")
    mapping = profile.mappings[0]
    e2e.equal(mapping.flags, {"functions", "filenames", "line_numbers", "inline_frames"}, "what the mapping says it has")


def test_top_has_the_line(directory):
    got = recorded(directory)
    for go in gos():
        rows = e2e.go_pprof(go, directory, got.path, "-top", "-lines")
        found = [re.search(r"(\d+(?:\.\d+)?)% .* hot_spin (\S+):(\d+)$", row) for row in rows]
        found = [(float(row[1]), os.path.realpath(row[2]), int(row[3])) for row in found if row]
        e2e.equal({file for _, file, _ in found}, {os.path.realpath(SOURCE)}, "files of hot_spin in\n" + "\n".join(rows))
        share = sum(percent for percent, _, line in found if line in hot_lines())
        e2e.check(share > 80, f"lines {hot_lines()} have {share} % in\n" + "\n".join(rows))


def test_list_shows_the_source(directory):
    got = recorded(directory)
    for go in gos():
        rows = e2e.go_pprof(go, directory, got.path, "-list", "^hot_spin$")
        e2e.check(any(re.search(rf"\d+ms .*\b\d+: +.*{re.escape(LOOP)}", row) for row in rows), "\n".join(rows))


if __name__ == "__main__":
    e2e.main(globals())
