#!/usr/bin/env python3
"""Threads that do not let themselves be sampled: they run on, and the ledger has their CPU time, with name and reason.

About the bounds. What is not sampled is read from the kernel's clocks, so it is exact but for the moment: the ledger's
5 % is for what a thread did before it shut itself off, and for the part of a period that is sampled by chance.
"""
import os
import resource
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402

CPU_MS = 1000
PERIOD_NS = 10_000_000
RARE_SIGNALS = 4


def threads_of(info):
    return [thread for process in info["processes"] for thread in process["threads"]]


def check_named(info, worker, reason):
    """The thread's time is in the ledger, as its own and in the sum of the reason."""
    (thread,) = [thread for thread in threads_of(info) if thread["tid"] == worker.tid]
    e2e.equal((thread["name"], thread["reason"]), (worker.name, reason), f"name and reason of {thread}")
    e2e.within(thread["unsampled_ns"], worker.used_ns, 0.05, 0, f"unsampled of {thread}")
    e2e.within(info["cpu"]["unsampled_ns"].get(reason, 0), worker.used_ns, 0.05, 0, f"{reason} in {info['cpu']}")


def check_sum(got, info, share):
    """Recorded and named together are what the kernel has counted."""
    named = sum(info["cpu"]["unsampled_ns"].values())
    cpu_ns = e2e.value(got.stdout, "cpu_ns")
    e2e.equal(info["cpu"]["recorded_ns"], got.profile().total(), "recorded in ledger and profile")
    e2e.within(info["cpu"]["recorded_ns"] + named, cpu_ns, share, PERIOD_NS, f"recorded and named: {info['cpu']}")


def check_blocker(directory, options, period_ns):
    got = e2e.record(directory, [e2e.target("blocker"), CPU_MS], options)
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    by_name, info = got.profile().by_label("thread"), got.info()
    first, second, shut = e2e.workers(got.stdout)
    for worker in (first, second):
        e2e.within(by_name.get(worker.name, 0), worker.used_ns, 0.02, period_ns, f"{worker.name} of {by_name}")
    e2e.check(by_name.get(shut.name, 0) <= 0.05 * shut.used_ns, f"samples of a thread that was not sampled: {by_name}")
    check_named(info, shut, "SIGPROF blocked")
    check_sum(got, info, 0.02)


def test_thread_that_blocks_the_signal(directory):
    check_blocker(directory, [], PERIOD_NS)


def test_thread_that_blocks_the_signal_by_perf(directory):
    e2e.need_perf(1000)
    check_blocker(directory, ["-F", "1000", "--trigger=perf"], 1_000_000)


def check_raw_disposition(directory, how, reason):
    """By the bare system call it is out of our hands; what was used before that is sampled, a few ms."""
    got = e2e.record(directory, [e2e.target("own_handler"), how, CPU_MS])
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    info = got.info()
    cpu_ns = e2e.value(got.stdout, "cpu_ns")
    e2e.within(info["cpu"]["unsampled_ns"].get(reason, 0), cpu_ns, 0.05, 0, f"{reason} in {info['cpu']}")
    check_sum(got, info, 0.02)
    e2e.check(reason in {thread["reason"] for thread in threads_of(info)}, f"threads: {threads_of(info)}")


def test_signal_that_is_ignored(directory):
    check_raw_disposition(directory, "raw-ignore", "SIGPROF ignored")


def test_handler_that_is_replaced(directory):
    check_raw_disposition(directory, "raw-sigaction", "handler replaced")


# RLIMIT_SIGPENDING: each timer takes one of the queued signals that a user may have.

def limit_signals():
    resource.setrlimit(resource.RLIMIT_SIGPENDING, (RARE_SIGNALS, RARE_SIGNALS))


MANY = [16, 0, 100]


def check_rare_signals(got):
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    info = got.info()
    check_sum(got, info, 0.05)
    return info


def check_told(info):
    """16 threads and 4 signals: at least a dozen had no timer of their own."""
    e2e.check(info["trigger"]["timer_refused"], f"no reason in {info['trigger']}")
    e2e.check(info["threads"]["without a timer"] >= 16 - RARE_SIGNALS, f"threads: {info['threads']}")


def check_perf_serves(info):
    e2e.check(info["trigger"]["used"] in ("mixed", "perf"), f"trigger: {info['trigger']}")
    e2e.check(info["trigger"]["timer_refused"], f"no reason in {info['trigger']}")
    e2e.equal(info["threads"]["without a timer"], 0, f"threads: {info['threads']}")


def test_rare_signals(directory):
    e2e.need_perf(1000)
    check_perf_serves(check_rare_signals(
        e2e.record(directory, [e2e.target("many_threads"), *MANY], preexec_fn=limit_signals)))


def test_rare_signals_and_no_perf(directory):
    gate = [e2e.target("perf_gate"), "shut"]
    check_told(check_rare_signals(
        e2e.record(directory, [e2e.target("many_threads"), *MANY], before=gate, preexec_fn=limit_signals)))


def test_rare_signals_unprivileged(directory):
    """root's count of queued signals has those of other processes in it; nobody's has none."""
    e2e.need_perf(1000)
    check_perf_serves(check_rare_signals(
        e2e.record_as_nobody(directory, "many_threads", MANY, preexec_fn=limit_signals)))


def test_rare_signals_unprivileged_and_no_perf(directory):
    prefix, sigprof, program, path = e2e.as_nobody(directory, "many_threads")
    gate = [e2e.target("perf_gate"), "shut"]
    done = e2e.run([*gate, *prefix, *e2e.record_command(path, [program, *MANY], sigprof=sigprof)],
                   preexec_fn=limit_signals)
    check_told(check_rare_signals(e2e.Recording(done, path)))


if __name__ == "__main__":
    e2e.main(globals())
