#!/usr/bin/env python3
"""Stacks of the distribution's own programs reach the start of their thread, by the ledger and by where their roots
lie. script/whole-stacks records more programs, for longer.

About the bound. 99.9 % are asked for. Of n samples of a program of which just so many were whole, the number of cut
ones is about a Poisson variable with the mean n / 1000; allowed is what it exceeds once in 10 000 times.
"""
import math
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402
import stack_census  # noqa: E402
import wild_programs  # noqa: E402

RATE_HZ, SECONDS, SAMPLES_AT_LEAST = 1000, 2.5, 250
CUT_SHARE, RISK = 0.001, 1e-4


def allowed(mean):
    """The smallest k that a Poisson variable exceeds with a probability below RISK."""
    k, term = 0, math.exp(-mean)
    left = 1 - term
    while left > RISK:
        k += 1
        term *= mean / k
        left -= term
    return k


def check_program(directory, name):
    if os.uname().machine != "x86_64":
        e2e.skip("where threads begin is told by x86-64's instructions")
    try:
        program = wild_programs.find(name, directory)
    except wild_programs.Missing as why:
        e2e.skip(why)
    census = stack_census.record(e2e.SIGPROF, os.path.join(directory, "out.pb.gz"), program, RATE_HZ, SECONDS)
    limit = allowed(census.weight * CUT_SHARE)
    where = [(group, [*found.examples.items()][:3]) for group, found in census.cut.items()]
    e2e.check(census.weight >= SAMPLES_AT_LEAST, f"only {census.weight} samples")
    e2e.check(census.weight - census.complete <= limit, f"{census.stacks} of {census.weight}: {where}")
    e2e.check(census.weight - census.at_start <= limit,
              f"{census.weight - census.at_start} of {census.weight} do not end where a thread begins: {where}")


def test_sqlite3(directory):
    check_program(directory, "sqlite3")


def test_python3(directory):
    check_program(directory, "python3")


def test_openssl_speed(directory):
    check_program(directory, "openssl speed")


def test_xz(directory):
    check_program(directory, "xz")


def test_perl(directory):
    check_program(directory, "perl")


if __name__ == "__main__":
    e2e.main(globals())
