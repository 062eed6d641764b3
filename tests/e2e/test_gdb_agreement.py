#!/usr/bin/env python3
"""At random moments of the distribution's programs the stack is gdb's, frame by frame. script/agree-with-gdb compares
more of them.

About the bound. 99.5 % are asked for: of 30 moments that is 0.15 differing ones on average, more than 2 once in 2 000
times.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402
import gdb_stacks  # noqa: E402

MOMENTS, DIFFERING_AT_MOST = 30, 2


def check_program(name):
    if os.uname().machine != "x86_64":
        e2e.skip("the registers that gdb hands over are x86-64's")
    try:
        result = gdb_stacks.compare(name, e2e.target("libwalk_agent.so"), MOMENTS)
    except gdb_stacks.Unavailable as why:
        e2e.skip(why)
    e2e.equal(result.unsteady, 0, "moments that with the rule cache look otherwise")
    differing = result.moments - result.equal
    e2e.check(differing <= DIFFERING_AT_MOST, f"{differing} of {result.moments} differ: {dict(result.differences)}")


def test_sqlite3(_directory):
    check_program("sqlite3")


def test_python3(_directory):
    check_program("python3")


def test_openssl_speed(_directory):
    check_program("openssl speed")


if __name__ == "__main__":
    e2e.main(globals())
