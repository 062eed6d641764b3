#!/usr/bin/env python3
"""Go programs with C in them: whole stacks through both halves, every thread, and Go's own profiler beside ours.

The stacks of a goroutine end in runtime.goexit, those of a C thread where libc starts it, those of the runtime's own
threads in runtime.mstart or there. Shares are of 2 s of CPU time: a thread's samples are less than a period off. Go's
profiler counts signals and loses what the kernel merges: 15 % are for that.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402
import go_guest  # noqa: E402
import pprof  # noqa: E402

POINTS = 2.5


def record(directory, program, mode, ms, profiles=0):
    got = e2e.record(directory, [program, mode, ms], env=go_guest.environment(directory, profiles))
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    e2e.equal(got.lost(), 0, f"lost\n{got.stderr}")
    return got


def check_total(got, slack=20_000_000):
    profile = got.profile()
    e2e.within(profile.total(), e2e.value(got.stdout, "cpu_ns"), 0.03, slack, f"CPU time\n{got.stderr}")
    return profile


def check_whole(got, profile):
    stacks = got.info()["stacks"]
    e2e.check(stacks["complete"] >= 0.98 * profile.total("samples"), f"complete: {stacks} of {profile.total('samples')}")


def test_c_called_from_go(directory):
    for go in go_guest.gos():
        for flags in [], ["-buildmode=pie"]:
            got = record(directory, go_guest.build(go, *flags), "work", 400)
            profile = check_total(got)
            check_whole(got, profile)
            go_guest.check_of(profile, go_guest.IN_C, [
                "guest_leaf", "guest_middle", "guest_work", "runtime.asmcgocall", "runtime.cgocall", "main.cWork",
                "main.work", "main.main", "runtime.main", "runtime.goexit"], 0.8)


def test_go_alone(directory):
    for go in go_guest.gos():
        got = record(directory, go_guest.build(go), "go", 400)
        profile = check_total(got)
        check_whole(got, profile)
        go_guest.check_of(profile, ["main.goLeaf"], ["main.goWork", "main.work", "main.main", "runtime.main",
                                                     "runtime.goexit"], 0.3)
        for sample in profile.samples:  # goWork only runs goLeaf and cpuTime: preempted, it is there all the same
            if "runtime.asyncPreempt.abi0" in sample.function_names():
                e2e.check(go_guest.has_all(sample, ["main.goWork", "main.work"]), f"{sample.function_names()}")


def test_stripped(directory):
    """Go's functions, files and lines are in a table that its runtime needs. C's have no names any more."""
    with open(os.path.join(go_guest.GUEST, "main.go"), encoding="ascii") as file:
        lines = file.read().splitlines()
    wanted = 1 + next(i for i, line in enumerate(lines) if "goLeaf(20000)" in line)
    for go in go_guest.gos():
        for flags in [], ["-buildmode=pie"]:
            got = record(directory, go_guest.build(go, "-ldflags=-s -w", *flags), "go", 200)
            profile = check_total(got)
            found = go_guest.check_of(profile, ["main.goLeaf"], ["main.goWork", "main.work", "main.main",
                                                                 "runtime.main", "runtime.goexit"], 0.3)
            at = {location.lines[0][1] for sample in found for location in sample.locations
                  if location.lines[0][0] == "main.goWork"}
            e2e.equal(at, {wanted}, "lines of goWork that call goLeaf")


def test_shares_of_c_threads(directory):
    got = record(directory, go_guest.build(go_guest.gos()[0]), "shares", 2000)
    profile = check_total(got)
    check_whole(got, profile)
    for percent in 40, 30, 20, 10:
        e2e.within(100 * profile.cum().get(f"guest_{percent}", 0) / profile.total(), percent, 0, POINTS,
                   f"guest_{percent}, in points; all: {profile.cum()}")


def test_calls_both_ways(directory):
    """C threads and goroutines, each through Go, C, Go, C, ...; and Go's profiler twice on and off."""
    back = ["guest_call_back", "runtime.asmcgocall", "runtime.cgocall", "main.guestGo", "runtime.cgocallback",
            "crosscall2", "guestGo"]
    wanted = {"calls": [*back, *back, "guest_call_back", "runtime.asmcgocall", "main.calls.func1", "runtime.goexit"],
              "callers": [*back, "guest_call_back", "guest_caller", "start_thread"]}
    for go in go_guest.gos():
        for mode, names in wanted.items():
            got = record(directory, go_guest.build(go), mode, 700, profiles=2)
            profile = check_total(got, slack=100_000_000)
            check_whole(got, profile)
            e2e.check(any(go_guest.has_all(sample, names) for sample in profile.samples), f"no stack has {names}")


def test_both_profilers(directory):
    """Each gets its own samples, and none of the other's."""
    for go in go_guest.gos():
        got = record(directory, go_guest.build(go), "work", 1200, profiles=2)
        check_total(got)
        e2e.equal(sum(got.info()["cpu"]["unsampled_ns"].values()), 0, "unsampled")
        for number in 1, 2:
            theirs = pprof.read(os.path.join(directory, f"go.prof.{number}"))
            e2e.within(theirs.total(), e2e.value(got.stdout, f"profiled_{number}_ns"), 0.15, 20_000_000,
                       f"CPU time in Go's profile {number}")


if __name__ == "__main__":
    e2e.main(globals())
