#!/usr/bin/env python3
"""What it costs a program to make and end threads while it is recorded. See thread_churn.c.

usage: bench_threads.py [ROUNDS [THREADS]]     aim: median of the wall-time ratios at most 1.15

Empty threads, made and joined one after the other: a profiler that samples every thread has to give each a timer and to
take it back. gperftools does so for threads that register themselves and are asked for timers of their own; in its
default mode threads cost nothing.
"""
import os
import sys
import tempfile

import bench_tools

AIM = 1.15
HZ = 100


def commands_of(directory, threads):
    program = [bench_tools.program("thread_churn"), threads]
    profile = os.path.join(directory, "profile")
    commands = {"bare": program, "sigprof": bench_tools.record(profile, HZ, "--trigger=timer") + program}
    if bench_tools.gperftools(profile, HZ):
        commands["gperftools, registered, a timer each"] = (
            bench_tools.gperftools(profile, HZ, "CPUPROFILE_PER_THREAD_TIMERS=1") + program + ["register"])
        commands["gperftools, default"] = bench_tools.gperftools(profile, HZ) + program
    else:
        print("gperftools is not installed")
    commands["bare again"] = program
    return commands


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    threads = sys.argv[2] if len(sys.argv) > 2 else "10000"
    bench_tools.print_machine()
    with tempfile.TemporaryDirectory() as directory:
        results = bench_tools.run_in_turns(commands_of(directory, threads), rounds)
    print(f"{rounds} rounds of {threads} threads at {HZ} Hz; µs per thread and ratios to the bare run of the round, "
          "medians, in brackets the quartiles\n")
    rows, ratios = [], {}
    for name, runs in results.items():
        row = [name]
        for clock in ("wall", "cpu"):
            ratios[name, clock] = bench_tools.compare(results, name, "bare", lambda run: run.values[clock])
            row.append("%.2f" % (bench_tools.median([run.values[clock] for run in runs]) / 1e3))
            row.append(bench_tools.quartiles(ratios[name, clock], "%.3f"))
        rows.append(row)
    bench_tools.print_table(["", "wall µs", "ratio", "CPU µs", "ratio"], rows)
    print("\n" + bench_tools.verdict("wall-time ratio", ratios["sigprof", "wall"], AIM))


main()
