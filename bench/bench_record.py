#!/usr/bin/env python3
"""What `sigprof record` costs a real program: sqlite3 recorded at 100 Hz against bare, in pairs.

usage: bench_record.py [PAIRS]     aim: median of the wall-time ratios at most 1.005

A pair is a bare run and a recorded one; a second bare run beside it, compared with the first, shows how far this
machine's noise alone moves a ratio. CPU time is of `sigprof record` and sqlite3 together. A run of true(1), which does
nothing, shows the part that does not grow with the program: start, hand-over of the segment, names, and the file.
"""
import operator
import os
import sys
import tempfile

import bench_tools

AIM = 1.005
WALL, CPU = operator.attrgetter("wall"), operator.attrgetter("cpu")
QUERY = ("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<5000000) "
         "SELECT sum(x*x%7), count(DISTINCT x%1000) FROM c;")
SQLITE = ["sqlite3", ":memory:", QUERY]


def run(record, command, pairs):
    return bench_tools.run_in_turns({"bare": command, "recorded": record + command, "again": command}, pairs)


def row_of(title, results, which, scale, form, compared, by):
    times = {name: [scale * which(run) for run in results[name]] for name in results}
    cells = [form % reduce(times[name]) for reduce in (bench_tools.median, min) for name in ("bare", "recorded")]
    for name in ("recorded", "again"):
        unit = 1 if by is operator.truediv else scale
        cells.append(bench_tools.quartiles([unit * x for x in bench_tools.compare(results, name, "bare", which, by)],
                                           compared))
    return [title, *cells]


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    bench_tools.print_machine()
    with tempfile.TemporaryDirectory() as directory:
        record = bench_tools.record(os.path.join(directory, "profile.pb.gz"), 100)
        long, short = run(record, SQLITE, n), run(record, ["true"], 4 * n)
    print(f"{n} pairs of sqlite3, {4 * n} of true, at 100 Hz; medians, in brackets the quartiles\n")
    bench_tools.print_table(["", "bare", "recorded", "fastest bare", "recorded", "recorded to bare", "bare to bare"], [
        row_of("sqlite3, wall s", long, WALL, 1, "%.3f", "%.4f", operator.truediv),
        row_of("sqlite3, CPU s", long, CPU, 1, "%.3f", "%.4f", operator.truediv),
        row_of("true, wall ms", short, WALL, 1e3, "%.2f", "%+.2f", operator.sub),
        row_of("true, CPU ms", short, CPU, 1e3, "%.2f", "%+.2f", operator.sub),
    ])
    ratios = bench_tools.compare(long, "recorded", "bare", WALL)
    print("\n" + bench_tools.verdict("wall-time ratio", ratios, AIM, "%.4f"))


main()
