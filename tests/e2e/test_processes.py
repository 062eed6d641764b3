#!/usr/bin/env python3
"""Every process that a command starts is in the profile, however it was started, and with all its CPU time.

About bounds. A thread's first period is random, and what is due at its end is settled, so a process of CPU time c
gets floor((c + phase) / period) periods: at most one off, with a standard deviation of half a period. The sum of N
independent ones is off by sqrt(N) / 2 periods; five of those, and a period for each process where they are looked at
one by one, are SLACK. What is left are 5 %: from a process's last instruction to its end the kernel frees its memory,
which it accounts but nobody can sample, and a program that is killed leaves up to a tick of the kernel unsettled.
"""
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402

SHARE = 0.05
HZ = 1000
PERIOD_NS = 1_000_000_000 // HZ
TICK_NS = 10_000_000  # the longest that a kernel is configured with: HZ=100
OPTIONS = ["-F", HZ]


def slack(processes):
    return int(5 * processes ** 0.5 / 2 + 1) * PERIOD_NS


def told(text):
    """{pid: CPU time}, by the processes themselves."""
    return {int(pid): int(ns) for pid, ns in re.findall(rb"pid=(\d+) self_ns=(\d+)", text)}


def spun(text):
    """CPU time that the processes used in process_spin, by themselves."""
    return sum(int(ns) for ns in re.findall(rb"spun_ns=(\d+)", text))


def check_spinning(profile, words):
    """The function has its time: on a loaded machine fork alone takes milliseconds."""
    found = sum(values[1] for values in
                (sample.values for sample in profile.samples if "process_spin" in sample.function_names()))
    e2e.check(found > 0.8 * spun(words), f"process_spin has {found} of {spun(words)}")


def check_each(profile, words):
    """Each process has its time, and its function."""
    by_pid = profile.by_label("pid")
    for pid, self_ns in told(words).items():
        e2e.within(by_pid.get(pid, 0), self_ns, SHARE, 3 * PERIOD_NS, f"CPU time of process {pid} in {by_pid}")
    check_spinning(profile, words)


def check_tree(got, profile, processes):
    e2e.within(profile.total(), e2e.value(got.stdout, "tree_ns"), SHARE, slack(processes), "CPU time, of the tree's")
    e2e.equal(got.lost(), 0, "lost")


def go(directory, *words, options=(), **more):
    got = e2e.record(directory, [e2e.target("processes"), *words], [*OPTIONS, *options], **more)
    e2e.equal(got.status, 0, f"exit of {words}\n{got.stderr}")
    return got


def check_mode(directory, mode, n, ms, options=()):
    """`n` children and their parent."""
    got = go(directory, mode, n, ms, options=options)
    processes = told(got.stdout)
    e2e.equal(len(processes), n + 1, f"processes that have spoken:\n{got.stdout}\n{got.stderr}")
    profile = got.profile("processes")
    check_each(profile, got.stdout)
    check_tree(got, profile, n + 1)
    spinning = {sample.labels.get("process") for sample in profile.samples if "process_spin" in sample.function_names()}
    e2e.equal(spinning, {"processes"}, "names of the processes that have spun")
    return profile


def test_tree_of_fifty(directory):
    got = go(directory, "tree", 50, 45)
    processes = told(got.stdout)
    e2e.equal(len(processes), 50, f"processes that have spoken:\n{got.stderr}")
    profile = got.profile("processes")
    check_each(profile, got.stdout)
    check_tree(got, profile, 50)


def test_fork_and_exec(directory):
    check_mode(directory, "exec", 4, 150)


def test_vfork_and_exec(directory):
    check_mode(directory, "vfork", 4, 150)


def test_posix_spawn(directory):
    check_mode(directory, "spawn", 4, 150)


def test_system(directory):
    """The shells between are processes too."""
    profile = check_mode(directory, "system", 4, 150)
    e2e.check(set(profile.by_label("process")) <= {"processes", "sh"}, f"processes: {profile.by_label('process')}")


def test_clone_without_thread(directory):
    check_mode(directory, "clone", 4, 150)


def test_fork_without_handlers(directory):
    check_mode(directory, "fork-alone", 4, 150)


def test_all_descriptors_closed(directory):
    """But ours, which are not open to the host: of perf events, and the connection."""
    check_mode(directory, "closed", 4, 150, ["--trigger", "timer"])
    check_mode(directory, "closed", 4, 150, ["--trigger", "perf"])


def test_descriptors_closed_by_system_calls(directory):
    """Those of perf events are gone then; that is noticed after some 0.6 s."""
    check_mode(directory, "closed-raw", 1, 4000, ["--trigger", "perf"])


def test_pipeline(directory):
    script = "'{0}' burn 300 | '{0}' burn 200 | cat; true".format(e2e.target("processes"))
    got = e2e.record(directory, ["sh", "-c", script], OPTIONS)
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    profile = got.profile()
    by_pid = sorted(profile.by_label("pid").values())
    e2e.within(by_pid[-1], 300_000_000, SHARE, 3 * PERIOD_NS, f"the first of the pipeline in {by_pid}")
    e2e.within(by_pid[-2], 200_000_000, SHARE, 3 * PERIOD_NS, f"the second of the pipeline in {by_pid}")
    e2e.check("processes" in profile.by_label("process"), f"names: {profile.by_label('process')}")


def test_one_process_has_no_process_labels(directory):
    got = go(directory, "burn", 100)
    profile = got.profile("processes")
    keys = {key for sample in profile.samples for key in sample.labels}
    e2e.equal(keys, {"thread", "tid"}, "labels of a profile of one process")


def test_exec_keeps_the_account(directory):
    """Ten images of one process, 20 ms each: what one owes at its end, the next one pays."""
    text = ("import os, sys, time\n"
            "n = int(sys.argv[1])\n"
            "until = time.process_time() + 0.02\n"
            "while time.process_time() < until: pass\n"
            "os.execv(sys.executable, [sys.executable, '-S', '-E', sys.argv[0], str(n - 1)]) if n else None\n"
            "print('cpu_ns=%d' % (time.process_time() * 1e9))\n")
    path = os.path.join(directory, "images.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    got = e2e.record(directory, [os.path.realpath(sys.executable), "-S", "-E", path, "10"], OPTIONS)
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    profile = got.profile()
    e2e.within(profile.total(), e2e.value(got.stdout, "cpu_ns"), SHARE, slack(1), "CPU time of eleven images")
    e2e.check("pid" not in {key for sample in profile.samples for key in sample.labels}, "it is one process")


# Daemons.

def wait_script(path):
    """Until the daemon's file is there; the command itself has ended long before."""
    return f"until [ -s '{path}' ]; do sleep 0.05; done"


def test_daemon_with_wait(directory):
    path = os.path.join(directory, "words")
    got = go(directory, "daemon", 400, path, options=["--wait"])
    with open(path, "rb") as file:
        words = file.read()
    e2e.equal(len(told(words)), 1, "daemons")
    check_each(got.profile("processes"), words)
    e2e.check("--wait" not in got.stderr, f"nothing ran on\n{got.stderr}")


def test_daemon_without_wait(directory):
    path = os.path.join(directory, "words")
    got = go(directory, "daemon", 400, path)
    said = [line for line in got.ours() if "--wait" in line]
    e2e.equal(len(said), 1, f"lines that recommend --wait in\n{got.stderr}")
    # The one that forked the daemon ends by itself, but it may not have yet.
    e2e.check(re.search(" [12] of the processes ", said[0]), f"{said[0]!r} says how many run on")
    got.profile()
    e2e.equal(e2e.run(["sh", "-c", wait_script(path)]).returncode, 0, "the daemon goes on to its end")


# Ends that nobody announces.

def test_killed_child(directory):
    got = go(directory, "killed", 300)
    profile = got.profile("processes")
    (pid, self_ns), = told(got.stdout).items()
    e2e.within(profile.by_label("pid").get(pid, 0), self_ns, SHARE, TICK_NS + 2 * PERIOD_NS, "CPU time until the kill")


# Forks of something large, and under load.

def available_mib():
    with open("/proc/meminfo", encoding="ascii") as file:
        found = re.search(r"MemAvailable:\s+(\d+) kB", file.read())
    return int(found[1]) // 1024 if found else 0


def test_forks_of_a_large_process(directory):
    """At the highest rate a signal comes before the page tables are copied: clone(2) would begin anew for ever."""
    mib = min(2048, available_mib() // 2)
    if mib < 256:
        e2e.skip(f"{mib} MiB of memory are too few to make a fork slow")
    if mib < 2048:
        print(f"with {mib} MiB, not 2048: no more is free")
    for trigger in ("timer", "perf"):
        got = e2e.record(directory, [e2e.target("processes"), "large", mib, 6],
                         ["-F", "100000", "--trigger", trigger])
        e2e.equal(got.status, 0, f"exit with {trigger}\n{got.stderr}")
        e2e.equal(e2e.value(got.stdout, "forks"), 6, f"forks with {trigger}")


def test_mask_stays_as_it_is(directory):
    got = go(directory, "mask")
    lines = got.stdout.decode().splitlines()
    wanted = [f"{way} before={blocked} parent={blocked} child={blocked}"
              for blocked in (0, 1) for way in ("fork", "_Fork")]
    e2e.equal(lines[:4], wanted, "SIGPROF blocked")


def test_vfork_child_has_its_own_handler(directory):
    """It shares the parent's memory, ours too, and not its signal dispositions."""
    e2e.equal(e2e.value(go(directory, "handler").stdout, "kept"), 1, "the parent's handler of SIGPROF")


# Which processes, and where to.

def test_no_follow(directory):
    got = go(directory, "exec", 3, 150, options=["--no-follow"])
    processes = told(got.stdout)
    profile = got.profile("processes")
    e2e.equal(len(processes), 4, "processes that have spoken")
    e2e.within(profile.total(), 150_000_000, SHARE, 3 * PERIOD_NS, "CPU time of the first process alone")
    e2e.check("pid" not in {key for sample in profile.samples for key in sample.labels}, "it is one process")


def test_no_follow_goes_on_after_exec(directory):
    got = e2e.record(directory, ["sh", "-c", f"exec '{e2e.target('processes')}' burn 200"],
                     [*OPTIONS, "--no-follow"])
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    e2e.within(got.profile().total(), 200_000_000, SHARE, 3 * PERIOD_NS, "CPU time of what the shell has become")


def test_split(directory):
    got = go(directory, "exec", 3, 150, options=["--split"], name="split.name.pb.gz")
    processes = told(got.stdout)
    names = {f"split.name.{pid}.pb.gz" for pid in processes}
    e2e.equal(set(e2e.files_in(directory)), names, "files")
    e2e.equal(len([line for line in got.ours() if " samples, " in line]), 4, f"summaries in\n{got.stderr}")
    for pid, self_ns in processes.items():
        profile = e2e.pprof.read(os.path.join(directory, f"split.name.{pid}.pb.gz")).check("processes")
        e2e.within(profile.total(), self_ns, SHARE, 3 * PERIOD_NS, f"CPU time in the file of {pid}")
        e2e.check("process_spin" in profile.flat(), f"functions in the file of {pid}: {profile.flat()}")


def test_options_that_exclude_each_other(directory):
    for options in (["--split", "-o", "-"], ["--no-follow", "--split"], ["--no-follow", "--wait"]):
        done = e2e.run([e2e.SIGPROF, "record", *options, "true"], cwd=directory)
        e2e.equal(done.returncode, 2, f"exit with {options}")
        e2e.check(b"usage: " in done.stderr, f"{done.stderr!r}")
    e2e.equal(e2e.files_in(directory), [], "files left")


def check_short_of_descriptors(directory, mode, n, processes):
    got = go(directory, mode, n, 30, before=["sh", "-c", 'ulimit -n 40; exec "$@"', "sh"])
    e2e.equal(len(told(got.stdout)), processes, f"processes that have spoken\n{got.stderr}")
    profile = got.profile("processes")
    check_spinning(profile, got.stdout)
    check_tree(got, profile, processes)
    e2e.equal(set(profile.by_label("process")), {"processes"}, "names of processes")


def test_recorder_short_of_descriptors(directory):
    """More processes at once than the recorder can hold connections of. Most are over when they are heard of, and what
    is known of their mappings is what their parent had."""
    check_short_of_descriptors(directory, "fork-alone", 40, 41)
    check_short_of_descriptors(directory, "tree", 14, 14)


# A build.

SOURCE = """
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
{functions}
"""
FUNCTION = """
double f{i}(const char *text, double *values, int n)
{{
    double sum = {i};
    for (int k = 0; k < n; k++)
        for (int j = 0; j < (int)strlen(text); j++)
            sum += values[(k + j) % n] * text[j] + sin(sum) * (k ^ j) + (sum > {i} ? atof(text) : -1.5);
    return n > 1 ? sum * f{i}(text + 1, values, n / 2) : sum;
}}
"""


def write_program(directory, files=6, functions=120):
    for number in range(files):
        first = number * functions
        text = "".join(FUNCTION.format(i=i) for i in range(first, first + functions))
        with open(os.path.join(directory, f"part{number}.c"), "w", encoding="utf-8") as file:
            file.write(SOURCE.format(functions=text))
    with open(os.path.join(directory, "main.c"), "w", encoding="utf-8") as file:
        file.write("#include <stdio.h>\nint main(void) { puts(\"built\"); return 0; }\n")
    objects = " ".join(f"part{number}.o" for number in range(files))
    with open(os.path.join(directory, "Makefile"), "w", encoding="utf-8") as file:
        file.write(f"CFLAGS = -O2\nprogram: main.o {objects}\n\t$(CC) -o $@ $^ -lm\n")


def test_make(directory):
    if not shutil.which("make") or not shutil.which("gcc"):
        e2e.skip("no make and gcc")
    source = os.path.join(directory, "source")
    os.mkdir(source)
    write_program(source)
    got = go(directory, "run", "make", "-j2", "CC=gcc", cwd=source)
    e2e.equal(e2e.run([os.path.join(source, "program")]).stdout, b"built\n", "what was built")
    profile = got.profile()
    names = profile.by_label("process")
    e2e.check(names.get("cc1", 0) > 0.5 * profile.total(), f"processes: {names}")
    # 7 sources of 3 processes each (gcc, cc1, as), the link, make.
    e2e.check(len(profile.by_label("pid")) >= 7 * 3, f"{len(profile.by_label('pid'))} processes")
    check_tree(got, profile, 7 * 3 + 5)


if __name__ == "__main__":
    e2e.main(globals())
