#!/usr/bin/env python3
"""A program that sets SIGPROF's disposition itself, in main, neither dies of our timers nor gets their signals, and is
sampled all the same.

coreutils' sort is one: its handler for SIGPROF removes its temporary files and ends it by the signal. One thread's
samples are less than a period off its CPU time, 10 ms; 2 % are for what is outside of the target's own clock.
"""
import hashlib
import os
import random
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402

CPU_MS = 400
PERIOD_NS = 10_000_000


def check_own(directory, how, handled):
    got = e2e.record(directory, [e2e.target("own_handler"), how, CPU_MS])
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    e2e.equal(e2e.value(got.stdout, "handled"), handled, "SIGPROFs in the program's own handler")
    e2e.equal(e2e.value(got.stdout, "is_back"), 1, "the disposition reads back as it was set")
    total = got.profile(executable="own_handler").total()
    e2e.within(total, e2e.value(got.stdout, "cpu_ns"), 0.02, PERIOD_NS, f"CPU time\n{got.stderr}")


def test_own_handler_by_sigaction(directory):
    check_own(directory, "sigaction", 1)


def test_own_handler_by_signal(directory):
    check_own(directory, "signal", 1)


def test_ignored_by_the_program(directory):
    check_own(directory, "ignore", 0)


def test_ignored_by_signal(directory):
    check_own(directory, "signal-ignore", 0)


def test_default_set_by_the_program(directory):
    check_own(directory, "default", 0)


def test_sort(directory):
    sort = shutil.which("sort")
    if sort is None:
        e2e.skip("sort is not installed")
    path = os.path.join(directory, "lines")
    numbers = random.Random(1)
    with open(path, "w", encoding="ascii") as file:
        file.writelines(f"{numbers.randrange(10**9)}\n" for _ in range(400_000))
    bare = e2e.run([sort, path])
    got = e2e.record(directory, [sort, path])
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    e2e.equal(hashlib.sha256(got.stdout).hexdigest(), hashlib.sha256(bare.stdout).hexdigest(), "sha256 of the result")
    got.profile(executable="sort")


if __name__ == "__main__":
    e2e.main(globals())
