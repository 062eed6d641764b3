#!/usr/bin/env python3
"""The handler's own time per sample beyond an empty handler; beside it gperftools'. See handler_cost.c.

usage: bench_handler.py [ROUNDS]     aim: at most 300 ns at depth 30
"""
import subprocess
import sys
from collections import defaultdict

import bench_tools

AIM_NS = 300
TITLES = {
    "same": "Stack known, like the one before",
    "new": "Stack known, every stack a new one",
    "unknown": "Stack not known: gettid, and a probe per page of the stack",
    "backstop": "The process timer's signal on a thread that has its own",
    "direct": "Called as a function, without a signal",
}


def measure(rounds):
    output = subprocess.run([bench_tools.program("handler_cost"), rounds], check=True, capture_output=True, text=True)
    samples, frames, checks = defaultdict(list), {}, []
    for line in output.stdout.splitlines():
        kind, *fields = line.split()
        if kind == "checked":
            checks.append((fields[0], int(fields[1]), int(fields[2])))
            continue
        variant, calls, depth = fields[0], int(fields[1]), int(fields[2])
        samples[variant, calls].append(tuple(map(float, fields[3:])))
        frames[variant, calls] = depth
    return samples, frames, checks


def rows_of(variant, samples, frames):
    for (name, calls), rounds in samples.items():
        if name != variant:
            continue
        own = [ours - empty for empty, ours, _ in rounds]
        theirs = [other - empty for empty, _, other in rounds if other >= 0]
        row = [calls, frames[name, calls], "%.0f" % bench_tools.median([empty for empty, _, _ in rounds]),
               bench_tools.quartiles(own, "%.0f")]
        if theirs:
            row += ["%.0f" % bench_tools.median(theirs),
                    "%.0f" % (bench_tools.median(theirs) / bench_tools.median(own))]
        yield row


def main():
    bench_tools.print_machine()
    rounds = sys.argv[1] if len(sys.argv) > 1 else "200"
    samples, frames, checks = measure(rounds)
    print(f"{rounds} rounds of 256 samples for each handler (gperftools: 32), in turn; "
          "ns per sample, medians, in brackets the quartiles")
    for name, asked, counted in checks:
        print(f"counted, {name}: {counted} of {asked}")
    for variant, title in TITLES.items():
        rows = list(rows_of(variant, samples, frames))
        head = ["calls", "frames", "empty", "ours beyond empty", "gperftools beyond empty", "times ours"]
        print(f"\n{title}:")
        bench_tools.print_table(head[:len(rows[0])], rows)
    own = bench_tools.median([ours - empty for empty, ours, _ in samples["same", 30]])
    print(f"\nat 30 calls: {own:.0f} ns, aim ≤ {AIM_NS} ns: {'met' if own <= AIM_NS else 'NOT met'}")


main()
