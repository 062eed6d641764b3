#!/usr/bin/env python3
"""Many threads: brief ones, busy ones, idle ones, and ones that come and go. Nothing is lost, nothing is kept."""
import math
import os
import resource
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402

EXIT_NS = 20_000
SEGMENT_BYTES = 16 << 20  # at 100 Hz, whatever the threads (ARCHITECTURE.md)


def check_recorded(got):
    if got.status == 77:
        e2e.skip(got.stdout.decode().strip())
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    e2e.equal(got.lost(), 0, f"lost\n{got.stderr}")
    return got.profile()


# Brief threads.

class Sums:
    """What several runs have found, and what there was."""

    def __init__(self):
        self.total = self.in_routine = self.cpu_ns = self.threads_ns = 0

    def add(self, got, routine):
        profile = check_recorded(got)
        self.total += profile.total()
        self.in_routine += profile.cum().get(routine, 0)
        self.cpu_ns += e2e.value(got.stdout, "cpu_ns")
        self.threads_ns += e2e.value(got.stdout, "threads_ns")

    def are_within(self, share):
        return (abs(self.total - self.cpu_ns) <= share * self.cpu_ns and
                abs(self.in_routine - self.threads_ns) <= share * self.threads_ns)


def check_brief(directory, how, routine):
    """4000 threads of 1 ms at 100 Hz: each has one sample with probability 0.1 or none.

    The number of samples is a sum of 4000 such trials: 400, with sd sqrt(4000 * 0.1 * 0.9) = 19, which is 4.7 % of 400.
    So ±15 % is 3.2 sd: no profiler that samples honestly can be held to less, and one run in 700 is outside by chance.
    Then a second one decides together with the first: of 800 samples, 15 % is 4.5 sd, one in 100 000.

    What is found in the start routine stands for the threads' own clocks, under the same bound: it has both the samples
    that signals took and the ones that settled a thread's account at its end.
    """
    sums = Sums()
    for _ in range(2):
        sums.add(e2e.record(directory, [e2e.target("brief_threads"), how, 4000, 1000]), routine)
        if sums.are_within(0.15):
            return
    e2e.within(sums.total, sums.cpu_ns, 0.15, 0, "CPU time, of getrusage's")
    e2e.within(sums.in_routine, sums.threads_ns, 0.15, 0, f"CPU time in {routine}, of the threads' clocks")


def test_brief_pthreads(directory):
    check_brief(directory, "pthread", "run_pthread")


def test_brief_threads_by_clone(directory):
    check_brief(directory, "clone", "run_clone")


# Busy and idle ones at once.

def check_busy(got, threads, period_ns, share):
    """Each busy thread's samples are its own clock: less than a period off, and `share` for good measure.

    They are told by their tids: names are read ten times a second, too seldom for threads that live 50 ms to be sure of.

    What all others use is less than a period each, and who has a sample is drawn with the probability of the part that
    is used: the variance of their number is at most what is expected of it, so of `brief_ns` in all the sd is at most
    sqrt(brief_ns * period_ns). 4 of that are allowed, and for each thread what comes after its account is settled: a
    few system calls of libc's and its exit, 10 µs measured.
    """
    profile = check_recorded(got)
    by_tid, workers, cpu_ns = profile.by_label("tid"), e2e.workers(got.stdout), e2e.value(got.stdout, "cpu_ns")
    for worker in workers:
        e2e.within(by_tid.get(worker.tid, 0), worker.used_ns, share, period_ns, f"{worker} in {by_tid}")
    busy_ns = sum(worker.used_ns for worker in workers)
    slack_ns = 4 * math.sqrt((cpu_ns - busy_ns) * period_ns) + EXIT_NS * threads
    e2e.within(profile.total(), cpu_ns, share, slack_ns, f"total\n{got.stderr}")
    e2e.within(profile.cum().get("run_busy", 0), busy_ns, share, 0, "their start routine, which settles their accounts")


def check_64_busy(directory, trigger):
    got = e2e.record(directory, [e2e.target("many_threads"), 64, 0, 50], ["-F", "1000", f"--trigger={trigger}"])
    check_busy(got, 64, 1_000_000, 0.02)
    return got


def test_64_busy_threads_by_timer(directory):
    check_64_busy(directory, "timer")


def test_64_busy_threads_by_perf(directory):
    e2e.need_perf(1000)
    got = check_64_busy(directory, "perf")
    e2e.equal(got.info()["trigger"]["used"], "perf", f"trigger\n{got.stderr}")


def test_2000_sleeping_and_8_busy_threads(directory):
    got = e2e.record(directory, [e2e.target("many_threads"), 8, 2000, 250], ["-F", "1000"])
    check_busy(got, 2008, 1_000_000, 0.02)


def segment_bytes(pid):
    """The memory behind the segments that a process has mapped, mapped by page or not."""
    seen = {}
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as maps:
        for line in maps:
            if "memfd:sigprof-segment" in line:
                status = os.stat(f"/proc/{pid}/map_files/{line.split()[0]}")
                seen[status.st_ino] = 512 * status.st_blocks
    return sum(seen.values())


def record_and_measure(directory, command):
    """(recording, bytes of its segment) of a target that says "ready" and waits for the end of its input."""
    path = os.path.join(directory, "out.pb.gz")
    with subprocess.Popen([str(word) for word in e2e.record_command(path, command)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        lines = []
        while not lines or lines[-1] not in (b"ready\n", b""):
            lines.append(process.stdout.readline())
        held = segment_bytes(process.pid) if os.geteuid() == 0 and lines[-1] else 0
        rest, errors = process.communicate(timeout=e2e.TIMEOUT_S)
        done = subprocess.CompletedProcess(process.args, process.returncode, b"".join(lines) + rest, errors)
    return e2e.Recording(done, path), held


def test_10000_threads_alive(directory):
    """8 of them busy. The segment's memory is bounded, and told by who has it mapped (root may look)."""
    with open("/proc/sys/vm/max_map_count", encoding="ascii") as file:
        maps = int(file.read())
    if maps < 25_000 or resource.getrlimit(resource.RLIMIT_SIGPENDING)[0] < 12_000:
        e2e.skip("limits: max_map_count or RLIMIT_SIGPENDING")
    got, held = record_and_measure(directory, [e2e.target("many_threads"), 8, 9992, 250])
    check_busy(got, 10_000, 10_000_000, 0.02)
    e2e.check(held <= SEGMENT_BYTES, f"the segment has {held} bytes")
    if os.geteuid() == 0:
        e2e.check(held > 10_000 * 128, f"the segment has {held} bytes: fewer than its slots for 10 000 threads")


# Threads that come and go.

def check_churn(directory, seconds, options):
    """200 threads a second. Whatever leaks does so by the thread, so their number counts and not the time: one lost in
    a thousand would be seen, and 5 s do as well as 20. 3 %: at 250 Hz, the 1000 threads of 1 ms are 250 samples with
    sd sqrt(1000 * 0.25 * 0.75) = 14; that is 55 ms of 8.5 s and more, or 0.6 %.
    """
    got = e2e.record(directory, [e2e.target("churn"), seconds], options)
    profile = check_recorded(got)
    e2e.within(profile.total(), e2e.value(got.stdout, "cpu_ns"), 0.03, 0, f"total\n{got.stderr}")
    for held in ("timers", "fds"):
        before, after = (e2e.value(got.stdout, f"{held}_{when}") for when in ("before", "after"))
        e2e.equal(after, before, f"{held} of the process after the churn")
    threads = got.info()["threads"]
    e2e.equal((threads["without a slot"], threads["without a timer"]), (0, 0), "threads without")
    e2e.check(threads["armed"] >= 200 * seconds, f"threads: {threads}")
    return got


def test_churn_by_timer(directory):
    check_churn(directory, 5, ["-F", "250", "--trigger=timer"])


def test_churn_by_perf(directory):
    e2e.need_perf(1000)
    got = check_churn(directory, 5, ["-F", "1000", "--trigger=perf"])
    e2e.equal(got.info()["trigger"]["used"], "perf", f"trigger\n{got.stderr}")


if __name__ == "__main__":
    e2e.main(globals())
