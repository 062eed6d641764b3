#!/usr/bin/env python3
"""What following children costs a program that makes many. See spawn_children.c.

usage: bench_follow.py [ROUNDS [FORKS [EXECS]]]

Children that end at once, and children that become true(1), one after the other. Recorded with children followed, as is
the default, each has a segment and a collector of its own; with --no-follow it has nothing.
"""
import operator
import os
import sys
import tempfile

import bench_tools

HZ = 100


def rows_of(title, command, rounds, profile):
    results = bench_tools.run_in_turns({
        "bare": command,
        "recorded": bench_tools.record(profile, HZ) + command,
        "recorded, --no-follow": bench_tools.record(profile, HZ, "--no-follow") + command,
        "bare again": command,
    }, rounds)

    def each(run):
        return run.values["each"]

    for name, runs in results.items():
        more = bench_tools.compare(results, name, "bare", each, operator.sub)
        yield [f"{title}, {name}", "%.1f" % bench_tools.median([each(run) for run in runs]),
               bench_tools.quartiles(more, "%+.1f")]


def main():
    rounds, forks, execs = (*sys.argv[1:], *("15", "1000", "300")[len(sys.argv) - 1:])
    program = bench_tools.program("spawn_children")
    bench_tools.print_machine()
    with tempfile.TemporaryDirectory() as directory:
        profile = os.path.join(directory, "profile.pb.gz")
        rows = [*rows_of("fork", [program, "fork", forks], int(rounds), profile),
                *rows_of("fork and exec", [program, "exec", execs], int(rounds), profile)]
    print(f"{rounds} rounds of {forks} children by fork, {execs} by fork and exec, at {HZ} Hz; µs per child, medians, "
          "in brackets the quartiles\n")
    bench_tools.print_table(["", "µs", "beyond bare"], rows)


main()
