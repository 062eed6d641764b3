#!/usr/bin/env python3
"""A program killed by SIGKILL at any moment leaves a valid profile of all that was sampled."""
import os
import random
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402

KILLS = 50
HZ = 1000
LATEST_S = 0.4
# What may be missing from the end: CPU timers expire at kernel ticks (10 ms at HZ=100, and a guest's tick can be late
# by another one), and what the dynamic linker used before the session (a few ms). What may be too much: one period, and
# what the process used between its last entry in the file and its death (a preempted process: nothing).
MISSING_NS, MORE_NS = 40_000_000, 10_000_000


def words_of(path):
    try:
        with open(path, "rb") as file:
            data = file.read(16)
    except FileNotFoundError:
        return 0, 0
    return struct.unpack("qq", data) if len(data) == 16 else (0, 0)


def wait_for_main(recorder, path):
    while recorder.poll() is None:
        pid, _ = words_of(path)
        if pid:
            return pid
        time.sleep(0.002)
    raise AssertionError(f"the program did not reach main:\n{recorder.stderr.read().decode()}")


def kill_once(directory, number, moment_s):
    words, output = (os.path.join(directory, f"{number}.{end}") for end in ("words", "pb.gz"))
    command = e2e.record_command(output, [e2e.target("burn"), "20000", words], ["-F", str(HZ)])
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as recorder:
        pid = wait_for_main(recorder, words)
        time.sleep(moment_s)
        os.kill(pid, signal.SIGKILL)
        stderr = recorder.communicate(timeout=e2e.TIMEOUT_S)[1].decode()
    what = f"kill {number} after {moment_s:.3f} s"
    e2e.equal(recorder.returncode, 128 + signal.SIGKILL, f"{what}: exit\n{stderr}")
    e2e.check("signal 9" in stderr, f"{what}: the signal is not named:\n{stderr}")
    profile = e2e.pprof.read(output).check()
    used_ns, sampled_ns = words_of(words)[1], profile.total()
    e2e.check(used_ns - MISSING_NS <= sampled_ns <= used_ns + MORE_NS,
              f"{what}: {sampled_ns} ns sampled of {used_ns} ns used\n{stderr}")
    if sampled_ns:
        e2e.equal(profile.mappings[0].file.rsplit("/", 1)[-1], "burn", f"{what}: mapping 1")
    return used_ns, sampled_ns


def test_kill_at_random_moments(directory):
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"      SEED={seed}", flush=True)
    moments = random.Random(seed)
    pairs = [kill_once(directory, number, moments.uniform(0, LATEST_S)) for number in range(KILLS)]
    used_ns, sampled_ns = (sum(column) for column in zip(*pairs))
    # Over all, 5 %, and per run half of what one may miss: the ticks' delays average.
    e2e.within(sampled_ns, used_ns, 0.05, KILLS * MISSING_NS / 2, "CPU time in all profiles")
    e2e.equal([name for name in e2e.files_in(directory) if name.endswith(".tmp")], [], "files left")


if __name__ == "__main__":
    e2e.main(globals())
