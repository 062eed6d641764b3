#!/usr/bin/env python3
"""A hot function is named, on whatever thread it runs, by `go tool pprof -top` and by `sigprof top` alike."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402

CPU_MS = 1000  # 100 samples at 100 Hz


def table_row(lines, function):
    rows = [line for line in lines if re.search(rf"(^| ){function}$", line)]
    e2e.equal(len(rows), 1, f"rows of {function} in\n" + "\n".join(lines))
    return rows[0]


def check_tables(directory, path, share):
    ours = e2e.sigprof_top(path)
    e2e.within(float(table_row(ours, "hot_spin").split()[1].rstrip("%")), share, 0, 0.01, "sigprof top: hot_spin, in %")
    for go in e2e.find_gos():
        theirs = e2e.go_top(go, directory, path)
        table_row(theirs, "hot_spin")
        e2e.equal(e2e.without_time(ours), e2e.without_time(theirs), f"sigprof top beside {go} tool pprof -top")


def check_hot(directory, program, mode):
    got = e2e.record(directory, [e2e.target(program), mode, CPU_MS])
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    profile = got.profile(executable=program)
    total, cpu_ns = profile.total(), e2e.value(got.stdout, "cpu_ns")
    e2e.within(total, cpu_ns, 0.10, 20_000_000, "CPU time in the profile, of getrusage's")
    e2e.has_worked(profile, "hot_spin", CPU_MS)
    # Frame pointers are kept in the targets, so the caller stands in nearly every stack too.
    e2e.check(profile.cum().get("hot_caller", 0) > 0.8e6 * CPU_MS, f"hot_caller has {profile.cum()}")
    tid = e2e.value(got.stdout, "hot_tid")
    on_thread = sum(value for key, value in profile.by_label("tid").items() if str(key) == str(tid))
    e2e.check(on_thread > 0.8e6 * CPU_MS, f"thread {tid} has {profile.by_label('tid')}")
    e2e.check(all("thread" in sample.labels for sample in profile.samples), "each sample has its thread's name")
    e2e.equal(got.lost(), 0, "lost")
    check_tables(directory, got.path, 100 * profile.flat()["hot_spin"] / total)


def test_hot_main_thread_pie(directory):
    check_hot(directory, "hot", "main")


def test_hot_main_thread_non_pie(directory):
    check_hot(directory, "hot_non_pie", "main")


def test_hot_pthread(directory):
    check_hot(directory, "hot", "pthread")


def test_hot_pthread_non_pie(directory):
    check_hot(directory, "hot_non_pie", "pthread")


def test_hot_raw_clone_shared_tls(directory):
    check_hot(directory, "hot", "clone")


def test_hot_raw_clone_non_pie(directory):
    check_hot(directory, "hot_non_pie", "clone")


def test_hot_raw_clone_zero_tls(directory):
    check_hot(directory, "hot", "clone-zero")


def test_hot_raw_clone_garbage_tls(directory):
    check_hot(directory, "hot", "clone-garbage")


def test_hot_weight_at_1000_hz(directory):
    """Kernel ticks are rarer than that: overruns carry the weight."""
    got = e2e.record(directory, [e2e.target("hot"), "main", CPU_MS], ["-F", "1000"])
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    profile = got.profile(executable="hot")
    e2e.equal(profile.period, 1_000_000, "period")
    e2e.within(profile.total(), e2e.value(got.stdout, "cpu_ns"), 0.10, 20_000_000, "CPU time at 1000 Hz")
    e2e.equal(profile.total("samples") * profile.period, profile.total(), "weight times period")


if __name__ == "__main__":
    e2e.main(globals())
