#!/usr/bin/env python3
"""A program that overwrites the profiler's memory harms neither itself nor the recording of what is left."""
import os
import random
import re
import resource
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402

EXIT_CODE = 23
MEMORY_KIB = 600 * 1024
HANG_S = 30  # the program itself runs for 1 s


def seed_of():
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1_000_000)))
    print(f"      SEED={seed}", flush=True)
    return seed


def scribble(directory, mode, seed, rate):
    path = os.path.join(directory, f"{mode}-{seed}.pb.gz")
    command = e2e.record_command(path, [e2e.target("scribble"), mode, str(seed)], ["-F", rate])
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          start_new_session=True) as recorder:
        try:
            stderr = recorder.communicate(timeout=HANG_S)[1].decode(errors="replace")
        except subprocess.TimeoutExpired:
            where = hang_report(recorder.pid)
            os.killpg(recorder.pid, signal.SIGKILL)  # the session that this test has made
            raise AssertionError(f"{mode}, seed {seed}: no end after {HANG_S} s\n{where}") from None
    e2e.equal(recorder.returncode, EXIT_CODE, f"{mode}, seed {seed}: exit\n{stderr}")
    e2e.equal(e2e.value(stderr, "segments"), 1, "segments found")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    e2e.check(peak < MEMORY_KIB, f"{mode}, seed {seed}: {peak} KiB at the most")
    profile = e2e.pprof.read(path).check()
    e2e.check(profile.comments, "the profile has no ledger")
    return profile, stderr


def hang_report(pid):
    """Whose hang it is: state and CPU time of the recorder and of its child."""
    lines = []
    for process in [pid, *children_of(pid)]:
        try:
            with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().split()
            lines.append(f"{process} {fields[1]} state {fields[2]} utime {fields[13]} stime {fields[14]}")
        except OSError:
            pass
    return "\n".join(lines)


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
            return file.read().split()
    except OSError:
        return []


def check_mode(directory, mode, runs, rate="1000"):
    seed = seed_of()
    for run in range(runs):
        profile, stderr = scribble(directory, mode, seed + run, rate)
        # Sane to the end: two threads burn for less than 3 s; invented weights would be astronomical.
        e2e.check(profile.total() < 20e9, f"{mode}, seed {seed + run}: {profile.total()} ns\n{stderr}")


def test_scribble_keeps_what_was_collected_before(directory):
    """The program is well-behaved for 0.4 s, in which the collector drains at least twice."""
    profile, stderr = scribble(directory, "whole", seed_of(), "1000")
    e2e.check(profile.total() > 0, f"nothing is left:\n{stderr}")


def test_scribble_ledger_is_possible(directory):
    """Counters from damaged memory are no numbers to print: 3 s of CPU time at 1000 Hz give some thousands."""
    _, stderr = scribble(directory, "whole", seed_of(), "1000")
    numbers = [int(word) for word in re.findall(r"\d+", stderr.replace(directory, ""))]
    e2e.check(max(numbers) < 1_000_000_000, f"numbers that cannot be:\n{stderr}")


def test_scribble_whole_with_random_bytes(directory):
    check_mode(directory, "whole", 4)


def test_scribble_whole_with_zeros(directory):
    check_mode(directory, "zero", 1)


def test_scribble_whole_with_ones(directory):
    check_mode(directory, "ones", 1)


def test_scribble_parts_again_and_again(directory):
    check_mode(directory, "parts", 4)


def test_scribble_says_what_was_skipped(directory):
    _, stderr = scribble(directory, "whole", seed_of(), "1000")
    e2e.check("skipped" in stderr or "damaged" in stderr, f"nothing is said of the damage:\n{stderr}")


if __name__ == "__main__":
    e2e.main(globals())
