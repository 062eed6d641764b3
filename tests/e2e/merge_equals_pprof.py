#!/usr/bin/env python3
"""`sigprof merge` makes of several profiles what `go tool pprof -proto` makes of them: both results, shown by
`go tool pprof -raw`, are the same text, with the same order of samples, locations and mappings.

The profiles are the hand-made ones of tests/corpus, two at a time and many at once, and some that have to meet: types in
another order, units of another size, programs at other addresses. What pprof refuses is refused, and then nothing is
written and the file at fault is named.

Left out, as they differ on purpose: profiles with drop_frames (pprof -proto takes those frames away for good; sigprof
merge keeps them, and reports leave them out), and sums beyond 64 bits (pprof's wrap, sigprof's stay at the limit).

Environment: SIGPROF is the path of the command. Exit: 0 equal, 1 different, 77 there is no Go to compare with.
"""
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path += [os.path.join(ROOT, "corpus"), os.path.join(ROOT, "lib")]
import edge_cases  # noqa: E402
import go_cache  # noqa: E402
import producers  # noqa: E402
from pprof_encode import Profile  # noqa: E402

SKIP = 77
ON_PURPOSE = {"heap_like", "drop_frames", "drop_frames_only", "overflow", "huge_values"}
CPU = [("samples", "count"), ("cpu", "nanoseconds")]


def find_pprof():
    """The tool itself, which is quicker than by way of `go`; None without a Go."""
    go = producers.find_go()
    if not go:
        return None
    done = subprocess.run([go, "tool", "-n", "pprof"], env=producers.go_environment(go_cache.path()),
                          stdout=subprocess.PIPE, text=True, check=True, timeout=300)
    return done.stdout.strip()


def at(start, *values, types=CPU, period_type=("cpu", "nanoseconds"), **header):
    """The same program at another address, with one sample for each list of values."""
    profile = Profile(types, period_type=period_type, **header)
    profile.mapping("/usr/bin/prog", start=start, build_id="abcd", size=0xF800 if start % 3 else 0x10000)
    for i, row in enumerate(values):
        leaf = profile.location(f"leaf{i}", 1, start + 0x100 + i)
        profile.sample(row, leaf, profile.location("main", 1, start + 0x10), labels=[("n", i + 1, "bytes"), ("k", "v")])
    return profile


def meetings():
    """Names and lists of profiles."""
    yield "addresses", [at(0x400000, [1, 5], [2, 6]), at(0x7f0000001000, [3, 7]), at(0x550000000000, [1, 1], [2, 2], [3, 3])]
    yield "zero in the sum", [at(0x400000, [1, 5], [2, 6]), at(0x400000, [-1, -5])]
    yield "order of types", [at(0, [1, 2, 3], types=[("a", "x"), ("b", "x"), ("c", "x")], default="b"),
                             at(0, [4, 5], types=[("c", "x"), ("a", "x")], default="c")]
    yield "default that goes", [at(0, [1, 2], [0, 3], types=[("a", "x"), ("b", "x")], default="b"),
                                at(0, [4], [5], types=[("a", "x")])]
    yield "units", [at(0, [1, 5], types=[("n", "count"), ("t", "ms")], period_type=("t", "ms"), period=3),
                    at(0, [2, 7000], [1, 0], types=[("n", "count"), ("t", "us")], period_type=("t", "us"), period=7),
                    at(0, [2, 1], [0, 1], types=[("n", "count"), ("t", "seconds")], period_type=("t", "s"), period=1)]
    yield "times", [at(0, [1, 1], time=50, duration=5, comments=["one", "two"]),
                    at(0, [1, 1], time=40, duration=6, period=9, comments=["two", "three"], doc="https://example.org"),
                    at(0, [1, 1], period=4)]
    yield "no period type", [Profile(CPU), at(0, [1, 2])]
    yield "no common type", [at(0, [1], types=[("a", "x")]), at(0, [1], types=[("b", "x")])]
    yield "units apart", [at(0, [1], types=[("a", "ms")]), at(0, [1], types=[("a", "bytes")])]


def groups():
    yield from meetings()
    cases = [(name, case) for name, case in edge_cases.all_cases() if name not in ON_PURPOSE]
    for (name, case), (other, second) in zip(cases, cases[1:] + cases[:1]):
        yield f"{name} and {other}", [case, second]
    alike = [case for _, case in cases if case.types == CPU and case.header.get("period_type") == ("cpu", "nanoseconds")]
    yield f"{len(alike)} of a kind", alike
    yield "130, more than pprof reads at once", [at(0x1000 * (i % 7), [1, i], [i, 1]) for i in range(130)]


def run(command, environment):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True)


def difference(a, b):
    for number, (ours, theirs) in enumerate(zip(a.splitlines(), b.splitlines()), 1):
        if ours != theirs:
            return f"line {number}: {ours!r}, pprof {theirs!r}"
    return None if a == b else f"{a.count(chr(10))} lines, pprof {b.count(chr(10))}"


def compare(sigprof, pprof, files, scratch, environment):
    """What is wrong, or None."""
    ours, theirs = (os.path.join(scratch, name) for name in ("ours.pb.gz", "theirs.pb.gz"))
    for path in (ours, theirs):
        if os.path.exists(path):
            os.unlink(path)
    merged = run([sigprof, "merge", "-o", ours, *files], environment)
    expected = run([pprof, "-symbolize=none", "-proto", "-output", theirs, *files], environment)
    if expected.returncode != 0:
        if merged.returncode != 1 or os.path.exists(ours) or not any(file in merged.stderr for file in files):
            return f"pprof refuses ({expected.stderr.strip()}), sigprof: {merged.returncode}, {merged.stderr.strip()!r}"
        return None
    if merged.returncode != 0:
        return merged.stderr.strip()
    texts = [run([pprof, "-symbolize=none", "-raw", path], environment).stdout for path in (ours, theirs)]
    return difference(*texts)


def check_streams(sigprof, files, scratch, environment):
    """From stdin and to stdout."""
    path = os.path.join(scratch, "whole.pb.gz")
    run([sigprof, "merge", "-o", path, *files], environment)
    with open(files[0], "rb") as first:
        done = subprocess.run([sigprof, "merge", "-", *files[1:]], stdin=first, stdout=subprocess.PIPE, env=environment)
    with open(path, "rb") as whole:
        return None if done.stdout == whole.read() else "by streams the result is another"


def main():
    sigprof, pprof = os.environ["SIGPROF"], find_pprof()
    if pprof is None:
        print("skipped: there is no go tool pprof")
        return SKIP
    failed = n = 0
    with tempfile.TemporaryDirectory() as scratch:
        environment = dict(os.environ, HOME=scratch, PPROF_BINARY_PATH=scratch, TZ="UTC")
        for n, (name, profiles) in enumerate(groups(), 1):
            files = [os.path.join(scratch, f"{i}.pb") for i in range(len(profiles))]
            for path, profile in zip(files, profiles):
                with open(path, "wb") as out:
                    out.write(profile.encode())
            problem = compare(sigprof, pprof, files, scratch, environment)
            if name == "addresses":
                problem = problem or check_streams(sigprof, files, scratch, environment)
            if problem:
                failed += 1
                print(f"FAILED {name}: {problem}")
    print(f"{n - failed} of {n} groups are merged as pprof does")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
