#!/usr/bin/env python3
"""What `sigprof record` costs a real program: sqlite3 recorded at 100 Hz against bare, in pairs.

usage: bench_record.py [PAIRS]     aim: median of the wall-time ratios at most 1.005

A pair is a bare run and a recorded one; a second bare run beside it, compared with the first, shows how far this
machine's noise alone moves a ratio. The order of the three turns from pair to pair. CPU time is what wait4(2) says of the process and
its children, for `sigprof record` thus of the command and of sqlite3 together. A run of true(1), which does nothing,
shows the part that does not grow with the program: start, hand-over of the segment, names, and the file.
"""
import os
import sys
import tempfile
import time

import bench_tools

AIM = 1.005
WALL, CPU = 0, 1
QUERY = ("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<5000000) "
         "SELECT sum(x*x%7), count(DISTINCT x%1000) FROM c;")
SQLITE = ["sqlite3", ":memory:", QUERY]


def run(command):
    """Wall and CPU seconds of a command; output goes nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, nowhere, fd) for fd in (0, 1, 2)]
    begin = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - begin
    os.close(nowhere)
    if status != 0:
        raise SystemExit(f"bench_record: {command[0]} failed")
    return wall, usage.ru_utime + usage.ru_stime


def rounds_of(bare, recorded, n):
    """n rounds of (bare, recorded, bare again), each (wall, CPU)."""
    run(bare), run(recorded)  # the files are in the page cache after it
    for i in range(n):
        commands = [bare, recorded, bare]
        results = [None] * 3
        for place in (i, i + 1, i + 2) if i % 2 == 0 else (i + 2, i + 1, i):
            results[place % 3] = run(commands[place % 3])
        yield results


def ratios(rounds, run_at, which):
    return [results[run_at][which] / results[0][which] for results in rounds]


def differences_ms(rounds, run_at, which):
    return [(results[run_at][which] - results[0][which]) * 1e3 for results in rounds]


def row_of(title, rounds, which, compare, scale, form):
    def middle(run_at):
        return form % (scale * bench_tools.median([results[run_at][which] for results in rounds]))

    def least(run_at):
        return form % (scale * min(results[run_at][which] for results in rounds))

    compared = "%.4f" if compare is ratios else "%+.2f"
    return [title, middle(0), middle(1), least(0), least(1), bench_tools.quartiles(compare(rounds, 1, which), compared),
            bench_tools.quartiles(compare(rounds, 2, which), compared)]


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    bench_tools.print_machine()
    with tempfile.TemporaryDirectory() as directory:
        record = [os.environ["SIGPROF"], "record", "-F", "100", "-o", os.path.join(directory, "profile.pb.gz"), "--"]
        long = list(rounds_of(SQLITE, record + SQLITE, n))
        short = list(rounds_of(["true"], record + ["true"], 4 * n))
    print(f"{n} pairs of sqlite3, {4 * n} of true, at 100 Hz; medians, in brackets the quartiles\n")
    bench_tools.print_table(["", "bare", "recorded", "fastest bare", "recorded", "recorded to bare", "bare to bare"], [
        row_of("sqlite3, wall s", long, WALL, ratios, 1, "%.3f"),
        row_of("sqlite3, CPU s", long, CPU, ratios, 1, "%.3f"),
        row_of("true, wall ms", short, WALL, differences_ms, 1e3, "%.2f"),
        row_of("true, CPU ms", short, CPU, differences_ms, 1e3, "%.2f"),
    ])
    ratio = bench_tools.median(ratios(long, 1, WALL))
    print(f"\nwall-time ratio {ratio:.4f}, aim ≤ {AIM}: {'met' if ratio <= AIM else 'NOT met'}")


main()
