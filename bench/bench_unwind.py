#!/usr/bin/env python3
"""What unwinding costs, without frame pointers and with: in the handler, of new frames, beside others. See
unwind_cost.c.

usage: bench_unwind.py [ROUNDS]
"""
import subprocess
import sys
from collections import defaultdict

import bench_tools

KINDS = {"without": "without frame pointers", "with": "with frame pointers"}
DEPTH = 30
AIMS_NS = {"without": 500, "with": 300}
AIM_TIMES_GPERFTOOLS = 40
AIM_TIMES_OTHERS = 10
AIM_COLD_NS = 500
AIM_BYTES = 256 << 10


def measure(rounds):
    """{first word: {(words of names): [(numbers) of each round]}}"""
    output = subprocess.run([bench_tools.program("unwind_cost"), rounds], check=True, capture_output=True, text=True)
    names = {"handler": 2, "direct": 3, "cold": 1, "first": 1, "memory": 1, "checked": 1}
    found = {kind: defaultdict(list) for kind in names}
    for line in output.stdout.splitlines():
        kind, *fields = line.split()
        n = names[kind]
        key = tuple(int(field) if field.isdigit() else field for field in fields[:n])
        found[kind][key].append(tuple(map(float, fields[n:])))
    return found


def verdict(what, is_met):
    print(f"{what}: {'met' if is_met else 'NOT met'}")


def frames_of(rounds):
    """What was found in every round; the least of them, where they differ."""
    return int(min(frames for frames, *_ in rounds))


def print_handlers(found):
    print("\nIn the handler, ns per sample beyond an empty handler:")
    rows, at_depth = [], {}
    for (kind, depth), rounds in found.items():
        own = [ours - empty for _, empty, ours, _ in rounds]
        theirs = [other - empty for _, empty, _, other in rounds if other >= 0]
        times = bench_tools.median(theirs) / bench_tools.median(own) if theirs else 0
        rows.append([KINDS[kind], depth, frames_of(rounds), "%.0f" % bench_tools.median([row[1] for row in rounds]),
                     bench_tools.quartiles(own, "%.0f"), "%.0f" % bench_tools.median(theirs) if theirs else "-",
                     "%.0f" % times if theirs else "-"])
        at_depth[kind, depth] = own, times
    bench_tools.print_table(["stack", "depth", "frames found", "empty", "ours beyond empty",
                             "gperftools beyond empty", "times ours"], rows)
    for kind, aim in AIMS_NS.items():
        own, times = at_depth[kind, DEPTH]
        if frames_of(found[kind, DEPTH]) < DEPTH:
            verdict(f"{DEPTH} frames {KINDS[kind]}, not all found", False)
            continue
        print(bench_tools.verdict(f"{DEPTH} frames {KINDS[kind]}, ns", own, aim, "%.0f"))
        if times:
            verdict(f"  times faster than gperftools: {times:.0f}, aim ≥ {AIM_TIMES_GPERFTOOLS}",
                    times >= AIM_TIMES_GPERFTOOLS)


def print_direct(found):
    print("\nCalled as a function on one and the same stack, warm, ns per walk; in brackets the frames it found:")
    names = list(dict.fromkeys(name for _, _, name in found))
    walks = defaultdict(dict)  # {(kind, depth): {name: (ns, frames)}}
    for (kind, depth, name), rounds in found.items():
        walks[kind, depth][name] = bench_tools.median([ns for _, ns in rounds]), frames_of(rounds)
    bench_tools.print_table(["stack", "depth", *names],
                            [[KINDS[kind], depth, *("%.0f (%d)" % of[name] for name in names)]
                             for (kind, depth), of in walks.items()])
    for kind in KINDS:
        own, *others = names
        if walks[kind, DEPTH][own][1] < DEPTH:
            verdict(f"{DEPTH} frames {KINDS[kind]}, not all found", False)
            continue
        for name in others:
            times = walks[kind, DEPTH][name][0] / walks[kind, DEPTH][own][0]
            verdict(f"{DEPTH} frames {KINDS[kind]}, times faster than {name}: {times:.1f}, aim ≥ {AIM_TIMES_OTHERS}",
                    times >= AIM_TIMES_OTHERS)


def print_cold(cold, first):
    print("\nOf a deep stack of different functions, ns per frame: the cache warm, cleared, and none; the first walk of\n"
          "all; and how many frames' rules are not in the cache when it is warm:")
    rows, medians = [], {}
    for (kind,), rounds in cold.items():
        frames = frames_of(rounds)
        warm, cleared, none, missed = ([number / frames for number in column] for column in list(zip(*rounds))[1:])
        (_, first_ns), *_ = first[kind,]
        rows.append([KINDS[kind], frames, *(bench_tools.quartiles(column, "%.1f") for column in (warm, cleared, none)),
                     "%.0f" % (first_ns / frames), "%.1f %%" % (100 * bench_tools.median(missed))])
        medians[kind] = cleared
    bench_tools.print_table(["stack", "frames", "warm", "cleared", "no cache", "first", "missed"], rows)
    for kind, cleared in medians.items():
        print(bench_tools.verdict(f"cold frame {KINDS[kind]}, ns", cleared, AIM_COLD_NS, "%.0f"))


def main():
    bench_tools.print_machine()
    rounds = sys.argv[1] if len(sys.argv) > 1 else "200"
    found = measure(rounds)
    print(f"{rounds} rounds, in turn; medians, in brackets the quartiles")
    for (name,), ((asked, counted),) in ((key, values[:1]) for key, values in found["checked"].items()):
        print(f"counted, {name}: {counted:.0f} of {asked:.0f}")
    print_handlers(found["handler"])
    print_direct(found["direct"])
    print_cold(found["cold"], found["first"])
    total = sum(values[0][0] for values in found["memory"].values())
    print("\nMemory: " + ", ".join(f"{name} {values[0][0]:.0f} bytes" for (name,), values in found["memory"].items()))
    verdict(f"in sum {total / 1024:.0f} KiB, aim ≤ {AIM_BYTES >> 10} KiB", total <= AIM_BYTES)


main()
