#!/usr/bin/env python3
"""Recordings of the same work differ in nothing; where one function does more, `sigprof diff` names that one.

The strict tests, of how often chance is called a difference, have made-up samples (tests/unit/test_diff.c). Here runs
are real, on machines whose speed changes while they are in use by others: they are allowed to vary by 20 %, and the
function that does more does six times as much. With at least 50 samples for each function in a run, as there are where
the kernel's tick is 4 ms, sampling alone then comes to a false answer at 4 standard deviations.
"""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402

VARIATION = "--run-variation=20"


def record(directory, name, *words, rate="1000"):
    got = e2e.record(directory, [e2e.target("slower"), *words], ["-F", rate], name=name)
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    return got.path


def diff(status, *words):
    done = e2e.run([e2e.SIGPROF, "diff", *words])
    e2e.equal(done.returncode, status, f"exit of sigprof diff {words}:\n{done.stderr.decode()}")
    return done.stdout.decode(), done.stderr.decode()


def differing(old, new, *options):  # by flat, by cum, and all that is said
    answer = json.loads(diff(0, "--json", *options, old, new)[0])
    rows = answer["functions"]
    return ([row["function"] for row in rows if row["flat"]["is_significant"]],
            [row["function"] for row in rows if row["cum"]["is_significant"]], answer)


def test_diff_of_recordings(directory):
    once, again = record(directory, "once", 1), record(directory, "again", 1)
    more = record(directory, "more", 6)
    flat, cum, answer = differing(once, again, VARIATION)
    e2e.equal((flat, cum), ([], []), f"what differs in the same work: {answer}")
    e2e.check(answer["tests"] > 3 and answer["errors_by"] == "count", f"tests: {answer}")
    text, _ = diff(0, VARIATION, "--fail-over=10", once, again)
    e2e.check(text.startswith("Nothing differs beyond sampling error\n"), text)

    # main has 8 thirds of what it had: 5.8 standard deviations where runs vary by 10 %.
    flat, cum, answer = differing(once, more, "--run-variation=10")
    e2e.equal(flat, ["slow"], f"what differs by itself: {answer}")
    e2e.check({"slow", "main"} <= set(cum), f"what differs with callees: {cum}")
    text, _ = diff(0, VARIATION, once, more)
    e2e.check(text.startswith("1 function differs: slow +"), text)

    # It had a third and has three quarters. Shares do not depend on how fast the machine is.
    flat, cum, answer = differing(once, more, "--normalize")
    e2e.equal(answer["total"]["change"], 0, "the total's change, normalized")
    e2e.check(flat[0] == "slow" and answer["functions"][0]["share_change"] > 20, f"shares: {answer}")

    _, said = diff(1, VARIATION, "--fail-over=50", once, more)
    e2e.check(said.startswith("sigprof: slow grew by ") and said.endswith("more than 50 %\n"), said)
    diff(0, VARIATION, "--fail-over=50", more, once)


def test_diff_of_a_function_20_percent_slower(directory):
    """A step takes 0.2 ms, so a function has its 300 or 360 ms but for that: 3000 and 3600 samples, with an error of 81
    between them, far from the 600 by which they differ. And 1 % that runs vary is 45 more."""
    e2e.need_perf(10000)
    old, alike, new = (record(directory, name, "for", ms, rate="10000")
                       for name, ms in (("old", 300), ("alike", 300), ("new", 360)))
    flat, cum, answer = differing(old, alike)
    e2e.equal((flat, cum), ([], []), f"what differs in the same: {answer}")
    flat, cum, answer = differing(old, new)
    e2e.equal(flat, ["slow"], f"what differs by itself: {answer}")
    growth = answer["functions"][0]["flat"]["relative"]
    e2e.check(0.15 < growth < 0.25, f"it grew by {growth}")


def test_diff_refuses(directory):
    path = record(directory, "once", 1)
    e2e.check("NEW is missing" in diff(2, path)[1], "one file")
    e2e.check("not \"x\" too" in diff(2, path, path, "x")[1], "three files")
    e2e.check("it is a number" in diff(2, "--fail-over=much", path, path)[1], "no number")
    e2e.check("unknown option \"--what\"" in diff(2, "--what", path, path)[1], "no option")
    e2e.check("missing: " in diff(1, path, os.path.join(directory, "missing"))[1], "no file")


if __name__ == "__main__":
    e2e.main(globals())
