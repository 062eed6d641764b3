#!/usr/bin/env python3
"""Go programs with C in them: whole stacks through both halves, every thread, and Go's own profiler beside ours.

The stacks of a goroutine end in runtime.goexit, those of a C thread where libc starts it, those of the runtime's own
threads in runtime.mstart or there. Shares are of 2 s of CPU time: a thread's samples are less than a period off. Go's
profiler counts signals and loses what the kernel merges: 15 % are for that.
"""
import functools
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402
import pprof  # noqa: E402

POINTS = 2.5
GUEST = os.path.join(e2e.ROOT, "tests", "targets", "go_guest")


@functools.lru_cache(None)
def build(go, *flags):
    """The guest, made by `go`; None where it cannot: no C compiler that it knows."""
    at = os.path.join(e2e.TARGETS, "go")
    os.makedirs(at, exist_ok=True)
    version = e2e.run([go, "env", "GOVERSION"]).stdout.decode().strip()
    path = os.path.join(at, "guest_" + "_".join([version, *(flag.strip("-") for flag in flags)]).replace("=", "_"))
    cache = os.path.join(e2e.BUILD, "tests", "go-cache")
    env = {**os.environ, "GO111MODULE": "off", "GOTOOLCHAIN": "local", "CGO_ENABLED": "1", "GOCACHE": cache,
           "GOFLAGS": "", "HOME": cache}
    done = e2e.run([go, "build", *flags, "-o", path, "."], cwd=GUEST, env=env, timeout=4 * e2e.TIMEOUT_S)
    e2e.equal(done.returncode, 0, f"exit of {go} build:\n{done.stderr.decode(errors='replace')}")
    return path


def gos():
    found = e2e.find_gos()
    if not found:
        e2e.skip("Go is not installed")
    if subprocess.run(["cc", "--version"], check=False, capture_output=True).returncode != 0:
        e2e.skip("cgo needs a C compiler called cc")
    return found


def record(directory, program, mode, ms, profiles=0):
    path = os.path.join(directory, "go.prof")
    env = {**os.environ, "GUEST_PROFILE": path if profiles else "", "GUEST_PROFILES": str(profiles)}
    got = e2e.record(directory, [program, mode, ms], env=env)
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    e2e.equal(got.lost(), 0, f"lost\n{got.stderr}")
    return got


def check_total(got, slack=20_000_000):
    profile = got.profile()
    e2e.within(profile.total(), e2e.value(got.stdout, "cpu_ns"), 0.03, slack, f"CPU time\n{got.stderr}")
    return profile


def check_whole(got, profile):
    stacks = got.info()["stacks"]
    total = sum(sample.values[profile.index("samples")] for sample in profile.samples)
    e2e.check(stacks["complete"] >= 0.98 * total, f"complete: {stacks} of {total}")


def check_order(sample, names):
    """The names are in the stack in this order, whatever stands between."""
    stack = iter(name.removesuffix(".abi0") for name in sample.function_names())
    e2e.check(all(name in stack for name in names), f"{names} are not in {sample.function_names()}")


def check_of(profile, leaf, names, share):
    """Samples whose leaf is `leaf` are the given share of all, and have `names` on the way to their root."""
    found = [sample for sample in profile.samples if sample.function_names()[0] == leaf]
    kind = profile.index("cpu")
    e2e.check(sum(sample.values[kind] for sample in found) > share * profile.total(), f"{leaf}: {profile.flat()}")
    for sample in found:
        check_order(sample, names)


def test_c_called_from_go(directory):
    for go in gos():
        for flags in [], ["-buildmode=pie"]:
            got = record(directory, build(go, *flags), "work", 400)
            profile = check_total(got)
            check_whole(got, profile)
            check_of(profile, "guest_leaf", ["guest_middle", "guest_work", "runtime.asmcgocall", "runtime.cgocall",
                                             "main.cWork", "main.work", "main.main", "runtime.main",
                                             "runtime.goexit"], 0.8)


def test_go_alone(directory):
    for go in gos():
        got = record(directory, build(go), "go", 400)
        profile = check_total(got)
        check_whole(got, profile)
        check_of(profile, "main.goLeaf", ["main.goWork", "main.work", "main.main", "runtime.main", "runtime.goexit"],
                 0.3)


def test_shares_of_c_threads(directory):
    got = record(directory, build(gos()[0]), "shares", 2000)
    profile = check_total(got)
    check_whole(got, profile)
    for percent in 40, 30, 20, 10:
        e2e.within(100 * profile.cum().get(f"guest_{percent}", 0) / profile.total(), percent, 0, POINTS,
                   f"guest_{percent}, in points; all: {profile.cum()}")


def test_calls_both_ways(directory):
    """C threads and goroutines, each through Go, C, Go, C, ...; and Go's profiler twice on and off."""
    c_thread = ["guest_leaf", "guest_call_back", "runtime.asmcgocall", "main.guestGo", "runtime.cgocallback",
                "crosscall2", "guestGo", "guest_call_back", "guest_caller", "start_thread"]
    goroutine = ["guest_leaf", "guest_call_back", "runtime.asmcgocall", "runtime.cgocall", "main.guestGo",
                 "runtime.cgocallback", "crosscall2", "guestGo", "guest_call_back", "runtime.asmcgocall",
                 "main.calls.func1", "runtime.goexit"]
    for go in gos():
        got = record(directory, build(go), "calls", 1000, profiles=2)
        profile = check_total(got, slack=100_000_000)
        check_whole(got, profile)
        for names in c_thread, goroutine:
            e2e.check(any(has_all(sample, names) for sample in profile.samples), f"no stack has {names}")


def has_all(sample, names):
    stack = iter(name.removesuffix(".abi0") for name in sample.function_names())
    return all(name in stack for name in names)


def test_both_profilers(directory):
    """Each gets its own samples, and none of the other's."""
    for go in gos():
        got = record(directory, build(go), "work", 1200, profiles=2)
        check_total(got)
        e2e.equal(sum(got.info()["cpu"]["unsampled_ns"].values()), 0, "unsampled")
        for number in 1, 2:
            theirs = pprof.read(os.path.join(directory, f"go.prof.{number}"))
            e2e.within(theirs.total(), e2e.value(got.stdout, f"profiled_{number}_ns"), 0.15, 20_000_000,
                       f"CPU time in Go's profile {number}")


if __name__ == "__main__":
    e2e.main(globals())
