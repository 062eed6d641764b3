#!/usr/bin/env python3
"""Go's own profiler with our traceback, context and symbolizer functions, and without: as the Go runtime's tests of
SetCgoTraceback have it, a hot C function on the main thread, PIE and not, and on threads that C has made.

Go gives threads that it has not made one sample at a time, and loses the others: no shares are compared there.
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402
import go_guest  # noqa: E402
import pprof  # noqa: E402

TAGS = "-tags=traceback"


def profile_of(directory, program, mode, ms):
    """Go's profile of half of the guest's work."""
    done = e2e.run([program, mode, ms], env=go_guest.environment(directory, 1))
    e2e.equal(done.returncode, 0, f"exit\n{done.stderr.decode(errors='replace')}")
    return pprof.read(os.path.join(directory, "go.prof.1"))


def check_source(found):
    """File and line of the leaf, and the inlined call."""
    inlined = [sample for sample in found if sample.function_names()[:2] == ["guest_step", "guest_leaf"]]
    e2e.check(inlined, f"nothing is inlined: {[sample.function_names() for sample in found]}")
    with open(os.path.join(go_guest.GUEST, "guest.c"), encoding="ascii") as file:
        lines = file.read().splitlines()
    wanted = 1 + next(i for i, line in enumerate(lines) if "return state * " in line)
    for sample in inlined:
        location = sample.locations[0]
        e2e.equal(location.lines[0][1], wanted, "the line of guest_step")


def test_hot_c_function(directory):
    for go in go_guest.gos():
        for flags in [TAGS], [TAGS, "-buildmode=pie"]:
            profile = profile_of(directory, go_guest.build(go, *flags), "work", 800)
            found = go_guest.check_of(profile, go_guest.IN_C, ["guest_leaf", "guest_middle", "guest_work",
                                                               "runtime.cgocall", "main.cWork", "main.work",
                                                               "main.main", "runtime.main"], 0.8)
            check_source(found)
        text = "\n".join(e2e.go_pprof(go, directory, os.path.join(directory, "go.prof.1"), "-traces"))
        e2e.check(re.search(r"guest_step \(inline\)\n +guest_leaf\n +guest_middle\n +guest_work\n", text),
                  f"-traces has no such stack:\n{text}")


def test_hot_c_function_without_us(directory):
    """What Go shows of C alone: nothing below the call."""
    for go in go_guest.gos():
        profile = profile_of(directory, go_guest.build(go), "work", 400)
        go_guest.check_of(profile, ["runtime.cgocall"], ["main.cWork", "main.main"], 0.8)


def test_threads_made_by_c(directory):
    for go in go_guest.gos():
        profile = profile_of(directory, go_guest.build(go, TAGS), "shares", 1200)
        found = go_guest.check_of(profile, go_guest.IN_C, ["guest_leaf", "guest_middle", "start_thread"], 0.7)
        names = {name for sample in found for name in sample.function_names()}
        e2e.check(names & {"guest_40", "guest_30", "guest_20", "guest_10"}, f"no thread's own function: {names}")


def test_c_that_calls_go(directory):
    """The C halves of each call from C to Go, on goroutines and on C threads."""
    back = ["guest_call_back", "runtime.cgocall", "main.guestGo", "runtime.cgocallback", "guestGo"]
    wanted = {"calls": [*back, *back, "guest_call_back", "runtime.cgocall", "main.calls.func1"],
              "callers": [*back, "guest_call_back", "guest_caller", "start_thread"]}
    for go in go_guest.gos():
        for mode, names in wanted.items():
            profile = profile_of(directory, go_guest.build(go, TAGS), mode, 1200)
            e2e.check(any(go_guest.has_all(sample, names) for sample in profile.samples),
                      f"no stack has {names}: {[sample.function_names() for sample in profile.samples]}")


def test_both_profilers_and_our_functions(directory):
    for go in go_guest.gos():
        program = go_guest.build(go, TAGS)
        got = e2e.record(directory, [program, "calls", 1000], env=go_guest.environment(directory, 3))
        e2e.equal(got.status, 0, f"exit\n{got.stderr}")
        e2e.equal(got.lost(), 0, f"lost\n{got.stderr}")
        got.profile()


def test_signals_while_gos_profiler_is_off(directory):
    """SIGPROF on a C thread: nothing happens."""
    for go in go_guest.gos():
        for flags in [], [TAGS]:
            done = e2e.run([go_guest.build(go, *flags), "signals", 100], env=go_guest.environment(directory, 0))
            e2e.equal((done.returncode, done.stderr), (0, b""), "exit and messages")


if __name__ == "__main__":
    e2e.main(globals())
