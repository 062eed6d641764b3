#!/usr/bin/env python3
"""Code that a program makes at run time has the names that the program gives it in /tmp/perf-PID.map."""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402

NODE_SCRIPT = """
function %(name)s(n) { let x = 0; for (let i = 0; i < n; i++) x = (x * 31 + i) %% 1000003; return x; }
console.log("pid=" + process.pid);
let end = process.cpuUsage().user + 600000, sum = 0;
while (process.cpuUsage().user < end) sum += %(name)s(20000);
"""
PYTHON_SCRIPT = """
import os, time
def %(name)s(n):
    x = 0
    for i in range(n):
        x = (x * 31 + i) %% 1000003
print("pid=%%d" %% os.getpid())
while time.process_time() < 0.6:
    %(name)s(20000)
"""


def write(directory, name, text):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def remove_maps(output):
    """The maps are left by the programs, not by us."""
    for pid in re.findall(rb"pid=(\d+)", output):
        try:
            os.remove(f"/tmp/perf-{int(pid)}.map")
        except FileNotFoundError:
            pass


def record(directory, command, options=()):
    got = e2e.record(directory, command, options, cwd=directory)  # node leaves a log where it runs
    remove_maps(got.stdout)
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    return got


def cpu_in(profile, word):
    """CPU time of the samples with a function whose name holds a word."""
    return sum(sample.values[1] for sample in profile.samples
               if any(word in name for name in sample.function_names()))


def need_node():
    node = shutil.which("node")
    if node is None:
        e2e.skip("node is not installed")
    return node


def test_functions_of_a_script_have_names(directory):
    script = write(directory, "one.js", NODE_SCRIPT % {"name": "sp_hot_function"})
    got = record(directory, [need_node(), "--perf-basic-prof", script])
    profile = got.profile("node")
    named = cpu_in(profile, "sp_hot_function")
    e2e.check(named > 0.7 * profile.total(), f"named {named} of {profile.total()}")


def test_functions_of_two_processes_have_their_own_names(directory):
    node = need_node()
    one = write(directory, "one.js", NODE_SCRIPT % {"name": "sp_first_function"})
    two = write(directory, "two.js", NODE_SCRIPT % {"name": "sp_second_function"})
    start = f"'{node}' --perf-basic-prof"
    got = record(directory, ["sh", "-c", f"{start} {one} & {start} {two}; wait"])
    profile = got.profile()
    for name in "sp_first_function", "sp_second_function":
        named = cpu_in(profile, name)
        e2e.check(named > 0.3 * profile.total(), f"{name} has {named} of {profile.total()}")


def test_functions_of_split_processes_have_names(directory):
    node = need_node()
    script = write(directory, "one.js", NODE_SCRIPT % {"name": "sp_hot_function"})
    got = record(directory, ["sh", "-c", f"'{node}' --perf-basic-prof {script}; true"], ["--split"])
    paths = [os.path.join(directory, name) for name in e2e.files_in(directory) if name.endswith(".pb.gz")]
    named = sum(cpu_in(e2e.pprof.read(path).check(), "sp_hot_function") for path in paths)
    e2e.check(named > 300_000_000, f"named {named} ns:\n{got.stderr}")


def test_without_a_map_there_are_addresses(directory):
    script = write(directory, "one.js", NODE_SCRIPT % {"name": "sp_hot_function"})
    profile = record(directory, [need_node(), script]).profile("node")
    e2e.equal(cpu_in(profile, "sp_hot_function"), 0, "CPU time of a function without a name")


def test_functions_of_python_have_names(directory):
    done = subprocess.run(["python3", "-X", "perf", "-c", "import sys; sys.exit(sys.version_info < (3, 12))"],
                          check=False, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if done.returncode != 0:
        e2e.skip("python3 is older than 3.12, or has no support for perf")
    script = write(directory, "one.py", PYTHON_SCRIPT % {"name": "sp_hot_function"})
    profile = record(directory, ["python3", "-X", "perf", script]).profile()
    named = cpu_in(profile, "sp_hot_function")
    e2e.check(named > 0.5 * profile.total(), f"named {named} of {profile.total()}")


if __name__ == "__main__":
    e2e.main(globals())
