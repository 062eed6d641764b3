#!/usr/bin/env python3
"""What reading profiles costs, beside `go tool pprof` on the same files.

usage: bench_reports.py [ROUNDS]

  large   `top` of a profile of more than 50 MB uncompressed: 1 million stacks 40 deep, 200 000 locations
  usual   `top` of one of less than 1 MB
  merge   500 profiles of 200 kB into one

Aims, of medians: `top` ten times faster than pprof with a quarter of its memory for the large one; at most 20 ms, and five
times faster, for the usual one; the merge ten times faster.

The files are made by bench/make_profile, the same ones each time. pprof is the program that `go tool -n pprof` names,
called directly, without what `go tool` adds; the usual file is read by way of `go tool`, too. All take turns (pprof has
one turn at what takes it long); the files are in the page cache. A peak is that of the process, by wait4(2).
"""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BUILD, SIGPROF = os.environ["BUILD"], os.environ["SIGPROF"]
MAKE = os.path.join(BUILD, "bench", "make_profile")
N_FILES = 500
MS, MB = 1000, 1 << 20


def measure(command, environment):
    """Seconds of wall and CPU time, and the peak in bytes."""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[:3]}: exit {process.returncode}")
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def make(path, samples, locations, seed):
    subprocess.run([MAKE, path, *map(str, (samples, 40, locations, seed))], check=True)
    return path


def compare(title, commands, environment, aims):
    """`commands`: of name and (command, rounds), ours first. `aims`: times faster and parts of memory; or None."""
    results = {name: [] for name in commands}
    for turn in range(max(rounds for _, rounds in commands.values())):
        for name, (command, rounds) in commands.items():
            if turn < rounds:
                results[name].append(measure(command, environment))
    medians = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in results.items()}
    ours = next(iter(medians.values()))
    print(f"{title}\n\n| | wall | CPU | peak | times our wall | times our peak |\n|---|---|---|---|---|---|")
    for name, (wall, cpu, peak) in medians.items():
        print(f"| {name} | {wall * MS:.0f} ms | {cpu * MS:.0f} ms | {peak / MB:.0f} MB "
              f"| {wall / ours[0]:.1f} | {peak / ours[2]:.1f} |")
    print()
    theirs = list(medians.values())[1]
    faster, smaller = aims
    is_met = theirs[0] >= faster * ours[0] and theirs[2] >= smaller * ours[2]
    print(f"aim, {faster} times faster" + (f" with 1/{smaller} of the memory" if smaller else "") +
          f": {'met' if is_met else 'NOT met'}\n")
    return is_met, ours[0]


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    go = shutil.which("go")
    if go is None:
        print("skipped: there is no go tool pprof to compare with")
        return 0
    pprof = subprocess.run([go, "tool", "-n", "pprof"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as scratch:
        # pprof looks for binaries and settings at home.
        environment = dict(os.environ, PPROF_BINARY_PATH=scratch, PPROF_TMPDIR=scratch)
        large = make(os.path.join(scratch, "large.pb.gz"), 1_000_000, 200_000, 1)
        usual = make(os.path.join(scratch, "usual.pb.gz"), 8000, 20_000, 7)
        many = [make(os.path.join(scratch, f"{i}.pb.gz"), 3000, 8000, i) for i in range(1, N_FILES + 1)]
        out = os.path.join(scratch, "out.pb.gz")
        good = [compare(f"large: {os.path.getsize(large) / MB:.0f} MB compressed",
                        {"sigprof top": ([SIGPROF, "top", large], min(rounds, 5)),
                         "pprof -top": ([pprof, "-top", large], 1)}, environment, (10, 4))[0]]
        met, seconds = compare(f"usual: {os.path.getsize(usual) / 1024:.0f} kB compressed",
                               {"sigprof top": ([SIGPROF, "top", usual], rounds),
                                "pprof -top": ([pprof, "-top", usual], rounds),
                                "go tool pprof -top": ([go, "tool", "pprof", "-top", usual], rounds)}, environment, (5, 0))
        print(f"aim, at most 20 ms: {'met' if seconds <= 0.020 else 'NOT met'}\n")
        good += [met, seconds <= 0.020]
        size = sum(map(os.path.getsize, many)) / N_FILES
        good.append(compare(f"merge: {N_FILES} profiles of {size / 1024:.0f} kB",
                            {"sigprof merge": ([SIGPROF, "merge", "-o", out, *many], min(rounds, 5)),
                             "pprof -proto": ([pprof, "-proto", "-output", out, *many], 1)}, environment, (10, 0))[0])
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
