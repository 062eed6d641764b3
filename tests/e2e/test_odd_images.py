#!/usr/bin/env python3
"""Programs whose segments are where few linkers put them: each function has its name and its source line."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402

FUNCTIONS = ("near_hot", "middle_hot", "far_hot")
CPU_MS = 900


def check_names(directory, program):
    if not os.path.exists(e2e.target(program)):
        e2e.skip(f"{program} is not built here")
    got = e2e.record(directory, [e2e.target(program), str(CPU_MS)], ["-F", "250"])
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    profile = got.profile()
    samples, total = profile.cum("samples"), profile.total("samples")
    for name in FUNCTIONS:  # a third each, of 225 samples: 4 standard deviations are 28
        e2e.within(samples.get(name, 0), total / 3, 0, 4 * (total * 2 / 9) ** 0.5 + 2, f"samples of {name}: {samples}")
    lines = {function.name: os.path.basename(function.filename) for function in profile.functions}
    for name in FUNCTIONS:
        e2e.equal(lines.get(name), "far_apart.c", f"file of {name}")


def test_segments_six_gigabytes_apart(directory):
    check_names(directory, "far_apart")


def test_segments_six_gigabytes_apart_at_fixed_addresses(directory):
    check_names(directory, "far_apart_fixed")


def test_first_segment_not_at_zero(directory):
    """As prelink leaves files."""
    check_names(directory, "based")


def test_code_and_headers_in_one_segment(directory):
    check_names(directory, "one_segment")


if __name__ == "__main__":
    e2e.main(globals())
