#!/usr/bin/env python3
"""What sampling costs a program that does a fixed amount of work, by rate and trigger. See fixed_work.c.

usage: bench_overhead.py [ROUNDS [CHUNKS]]     aims: at most 0.5 % at 100 Hz, 1.5 % at 1000 Hz, 8 % at 10 000 Hz

Compared in each round: a bare run; one with an empty handler at the same rate by the same trigger, which is what the
kernel takes for the signals alone; and a recorded one. The aims are for the CPU time of the program itself beyond the
empty handler. The second table is the whole command: start, end and collector too. A second bare run shows the noise.

The third table is of rates at which signals leave no time for the program, if they come as asked for: what is left of
its speed, and how many samples it gets. An empty handler is not run there, it would take minutes.
"""
import os
import sys
import tempfile

import bench_tools

FAST_HZ = (10000, 20000, 50000, 100000)
FAST_ROUNDS = 5
LOADS = ((100, "timer", 0.5), (1000, "timer", 1.5), (1000, "perf", 1.5), (10000, "perf", 8.0))


def run(hz, trigger, rounds, chunks, profile):
    work = [bench_tools.program("fixed_work"), chunks]
    results = bench_tools.run_in_turns({
        "bare": work,
        "empty": work + [trigger, str(hz)],
        "recorded": bench_tools.record(profile, hz, f"--trigger={trigger}") + work,
        "again": work,
    }, rounds)
    if len({run.values["result"] for runs in results.values() for run in runs}) != 1:
        raise SystemExit("bench_overhead: the runs did not do the same work")
    return results


def own(clock):
    """What the program says of its work, without its start and end."""
    return lambda run: run.values[clock]


def percents(results, name, base, of):
    return [100 * (ratio - 1) for ratio in bench_tools.compare(results, name, base, of)]


def cells(results, comparisons):
    return [bench_tools.quartiles(percents(results, *comparison), "%+.2f") for comparison in comparisons]


def row_of_program(results):
    cpu, wall = own("cpu_ns"), own("wall_ns")
    rates = [run.values["signals"] / run.values["cpu_ns"] * 1e9 for run in results["empty"]]
    return ["%.0f" % bench_tools.median(rates)] + cells(results, [
        ("empty", "bare", cpu), ("recorded", "bare", cpu), ("recorded", "empty", cpu), ("recorded", "empty", wall),
        ("again", "bare", cpu)])


def row_of_command(results):
    def cpu(run):
        return run.cpu

    def wall(run):
        return run.wall

    return ["%.3f" % bench_tools.median([run.cpu for run in results["bare"]])] + cells(results, [
        ("recorded", "bare", cpu), ("recorded", "empty", cpu), ("recorded", "bare", wall), ("recorded", "empty", wall),
        ("again", "bare", wall)])


def row_of_fast_rate(hz, chunks, profile):
    work = [bench_tools.program("fixed_work"), chunks]
    recorded = bench_tools.record(profile, hz, "--trigger=perf") + work
    results = bench_tools.run_in_turns({"bare": work, "recorded": recorded}, FAST_ROUNDS)
    slower = bench_tools.compare(results, "recorded", "bare", own("cpu_ns"))
    trigger = bench_tools.ledger(profile)["trigger"]
    return [f"{hz} Hz", "%.0f" % trigger["achieved_hz"], "yes" if trigger["perf_slowed"] else "no",
            bench_tools.quartiles([100 / ratio for ratio in slower], "%.0f")]


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    chunks = sys.argv[2] if len(sys.argv) > 2 else "180000"
    bench_tools.print_machine()
    programs, commands, verdicts = [], [], []
    with tempfile.TemporaryDirectory() as directory:
        for hz, trigger, aim in LOADS:
            title = f"{hz} Hz, {trigger}"
            try:
                results = run(hz, trigger, rounds, chunks, os.path.join(directory, "profile.pb.gz"))
            except bench_tools.Failed as why:
                print(f"{title}: cannot be measured: {why}")
                continue
            programs.append([title, *row_of_program(results)])
            commands.append([title, *row_of_command(results)])
            beyond = percents(results, "recorded", "empty", own("cpu_ns"))
            verdicts.append(bench_tools.verdict(f"{title}, beyond the empty handler, %", beyond, aim, "%+.2f"))
        fast = [row_of_fast_rate(hz, chunks, os.path.join(directory, "fast.pb.gz")) for hz in FAST_HZ]
    print(f"{rounds} rounds of {chunks} chunks of work; differences in %, medians, in brackets the quartiles")
    print("\nThe program's work:")
    bench_tools.print_table(["", "signals per CPU s", "CPU: empty to bare", "recorded to bare", "recorded to empty",
                             "wall: recorded to empty", "CPU: bare to bare"], programs)
    print("\nThe whole command:")
    bench_tools.print_table(["", "bare CPU s", "CPU: recorded to bare", "recorded to empty", "wall: recorded to bare",
                             "recorded to empty", "bare to bare"], commands)
    print(f"\nPerf events at high rates, {FAST_ROUNDS} rounds:")
    bench_tools.print_table(["asked", "reached, Hz", "slowed", "speed of the program, % of bare"], fast)
    print("\n" + "\n".join(verdicts))


main()
