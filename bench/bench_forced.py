#!/usr/bin/env python3
"""Two threads force samples through a whole session: are any lost? See forced_samples.c.

usage: bench_forced.py [SECONDS]     aim: at 300 000 samples a second for 5 s none is lost
"""
import sys

import bench_tools

THREADS, CALLS, RATE = "2", "30", 300000


def run(handler, seconds, rate, stacks):
    return bench_tools.run([bench_tools.program("forced_samples"), handler, THREADS, str(seconds), str(rate), CALLS,
                            str(stacks)]).values


def row_of(title, result):
    lost = [int(result["lost_" + reason]) for reason in ("busy", "full", "memory")]
    is_exact = result["fired"] == result["recorded"] + lost[0] + lost[1]
    return [title, "%.0f" % (result["forced"] / result["seconds"]), int(result["forced"]), int(result["fired"]),
            int(result["recorded"]), *lost, int(result["stray"]), "yes" if is_exact else "NO"]


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5
    bench_tools.print_machine()
    bare = [run("bare", seconds, 0, 64)]
    paced = run("sigprof", seconds, RATE, 64)
    rows = [row_of(f"{RATE}/s, 64 stacks a thread", paced),
            row_of(f"{RATE}/s, 1 stack", run("sigprof", seconds, RATE, 1)),
            row_of(f"{RATE}/s, every stack new", run("sigprof", seconds, RATE, 1 << 28)),
            row_of("unpaced, 64 stacks a thread", run("sigprof", seconds, 0, 64))]
    bare.append(run("bare", seconds, 0, 64))
    ceiling = " and ".join("%.0f" % (result["forced"] / result["seconds"]) for result in bare)
    print(f"{THREADS} threads, {CALLS} calls deep, {seconds:g} s a load; an empty handler takes, unpaced, "
          f"{ceiling} signals a second (before and after)\n")
    bench_tools.print_table(["load", "forced/s", "forced", "fired", "recorded", "lost: busy", "full", "memory", "stray",
                             "fired = recorded + lost"], rows)
    lost = sum(rows[0][5:8])
    print(f"\nat {RATE}/s: {lost} lost, aim 0: {'met' if lost == 0 and paced['forced'] > 0 else 'NOT met'}")


main()
