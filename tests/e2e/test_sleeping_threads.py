#!/usr/bin/env python3
"""A thread that sleeps uses no CPU time, so no signal of ours may end its sleep: the host would see EINTR."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402

RUNS = 3


def kernel():
    return tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])


def check_sleeps(directory, rate):
    if kernel() < (6, 4):
        e2e.skip("before Linux 6.4 the signal of a process timer goes to any thread")
    for _ in range(RUNS):
        got = e2e.record(directory, [e2e.target("sleeper")], ["-F", rate])
        e2e.equal(got.status, 0, f"exit\n{got.stderr}")
        e2e.equal(e2e.value(got.stdout, "interrupted"), 0, f"of {e2e.value(got.stdout, 'sleeps')} sleeps interrupted")


def test_sleeps_are_not_interrupted(directory):
    check_sleeps(directory, "100")


def test_sleeps_are_not_interrupted_at_1000_hz(directory):
    check_sleeps(directory, "1000")


if __name__ == "__main__":
    e2e.main(globals())
