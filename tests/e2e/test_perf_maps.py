#!/usr/bin/env python3
"""Code that a program makes at run time has the names that the program gives it in /tmp/perf-PID.map."""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402
import pprof_edit  # noqa: E402

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


def take_maps(directory, output):
    """Moves the maps, which the programs leave in /tmp, to a directory: their paths by pid."""
    maps = {}
    for pid in map(int, re.findall(rb"pid=(\d+)", output)):
        if os.path.exists(f"/tmp/perf-{pid}.map"):
            maps[pid] = shutil.move(f"/tmp/perf-{pid}.map", os.path.join(directory, f"map-of-{pid}"))
    return maps


def record(directory, command, options=()):
    got = e2e.record(directory, command, options, cwd=directory)  # node leaves a log where it runs
    got.maps = take_maps(directory, got.stdout)
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    return got


def symbolize(directory, path, *options):
    """Symbolizes to another file: its path, and the lines on stderr."""
    out = os.path.join(directory, "named.pb.gz")
    done = e2e.run([e2e.SIGPROF, "symbolize", *options, "-o", out, path])
    e2e.equal(done.returncode, 0, f"exit\n{done.stderr.decode()}")
    return out, done.stderr.decode().splitlines()


def without_names(directory, got):
    path = os.path.join(directory, "bare.pb")
    with open(path, "wb") as file:
        file.write(pprof_edit.without_names(got.path))
    return path


def functions(profile, name):
    """(name, file, start line) of the functions with a system name that holds a word, and the first words of those."""
    found = [function for function in profile.functions if name in function.system_name]
    return ({(function.name, function.filename, function.start_line) for function in found},
            {function.system_name.split(":")[0] for function in found})


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
    parts, kinds = functions(profile, "sp_hot_function")
    e2e.equal(parts, {("sp_hot_function", script, 2)}, "name, file and start line")
    e2e.check(kinds <= {"JS", "LazyCompile", "Function"}, f"system names: {kinds}")


def test_functions_in_the_interpreter_have_names(directory):
    script = write(directory, "a script.mjs", NODE_SCRIPT % {"name": "sp_hot_function"})
    flags = ["--perf-basic-prof", "--interpreted-frames-native-stack", "--no-opt", "--no-sparkplug"]
    profile = record(directory, [need_node(), *flags, script]).profile("node")
    # Code of single bytecodes keeps no frame: whom a walk by frame pointers finds there is the function's caller.
    e2e.check(cpu_in(profile, "sp_hot_function") > 0, "the function is nowhere")
    e2e.equal(functions(profile, "sp_hot_function")[0], {("sp_hot_function", script, 2)}, "name, file and start line")


def test_processes_with_code_at_the_same_address_have_their_own_names(directory):
    got = record(directory, [e2e.target("twins"), "400"])
    for path, said in ((got.path, None),
                       symbolize(directory, without_names(directory, got),
                                 *[f"--perf-map={pid}={path}" for pid, path in got.maps.items()])):
        profile = e2e.pprof.read(path).check()
        for name, place in ("first_twin", ("/srv/first.js", 12)), ("second_twin", ("/srv/second.js", 34)):
            named = cpu_in(profile, name)
            e2e.check(named > 0.3 * profile.total(), f"{name} has {named} of {profile.total()}, {said}")
            e2e.equal(functions(profile, name)[0], {(name, *place)}, "name, file and start line")
        for sample in profile.samples:
            e2e.check(len({name for name in sample.function_names() if "_twin" in name}) < 2, "two in one stack")


def test_symbolize_takes_a_map_that_is_given(directory):
    script = write(directory, "one.js", NODE_SCRIPT % {"name": "sp_hot_function"})
    got = record(directory, ["sh", "-c", f"'{need_node()}' --perf-basic-prof {script}; true"])
    bare, (pid, path) = without_names(directory, got), *got.maps.items()
    wanted = cpu_in(got.profile(), "sp_hot_function")
    for option in path, f"{pid}={path}":
        out, said = symbolize(directory, bare, "--perf-map", option)
        e2e.equal(cpu_in(e2e.pprof.read(out).check(), "sp_hot_function"), wanted, f"CPU time, {option}")
        e2e.check(any(re.fullmatch(r"sigprof: named (\d+) of \d+ addresses of code made at run time", line)
                      for line in said), "\n".join(said))
    out, said = symbolize(directory, bare)
    e2e.equal(cpu_in(e2e.pprof.read(out), "sp_hot_function"), 0, "CPU time without a map")
    out, said = symbolize(directory, bare, f"--perf-map={pid + 1}={path}")
    e2e.equal(cpu_in(e2e.pprof.read(out), "sp_hot_function"), 0, "CPU time by a map of another process")
    told = write(directory, "told", "0 7fffffffffffffff told\n")
    out, said = symbolize(directory, got.path, "--force", "--perf-map", told)
    e2e.equal(cpu_in(e2e.pprof.read(out).check(), "sp_hot_function"), 0, "CPU time under the old name")


def test_symbolize_says_what_is_wrong_with_a_map(directory):
    got = record(directory, [e2e.target("twins"), "200"])
    bare, out = without_names(directory, got), os.path.join(directory, "no.pb.gz")
    for option, status, why in (
            (next(iter(got.maps.values())), 1, "several processes: say whose the map is, by --perf-map PID=FILE"),
            ("/no/such", 1, "cannot read /no/such: No such file or directory"),
            ("12=" + directory, 1, f"cannot read {directory}: Is a directory"),
            ("/dev/null", 1, "cannot read /dev/null: it is no regular file"),
            ("", 2, "--perf-map : give FILE or PID=FILE"), ("0=x", 2, "--perf-map 0=x: give FILE or PID=FILE")):
        done = e2e.run([e2e.SIGPROF, "symbolize", "--perf-map", option, "-o", out, bare])
        e2e.equal(done.returncode, status, f"exit for {option}")
        e2e.check(why in done.stderr.decode().splitlines()[0], done.stderr.decode())
        e2e.check(not os.path.exists(out), "a file was written")


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
    probe = "import os, sys; print(f'pid={os.getpid()}'); sys.exit(sys.version_info < (3, 12))"
    done = subprocess.run(["python3", "-X", "perf", "-c", probe], check=False, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    take_maps(directory, done.stdout)
    if done.returncode != 0:
        e2e.skip("python3 is older than 3.12, or has no support for perf")
    script = write(directory, "one.py", PYTHON_SCRIPT % {"name": "sp_hot_function"})
    profile = record(directory, ["python3", "-X", "perf", script]).profile()
    named = cpu_in(profile, "sp_hot_function")
    e2e.check(named > 0.5 * profile.total(), f"named {named} of {profile.total()}")
    e2e.equal(functions(profile, "sp_hot_function")[0], {("sp_hot_function", script, 0)}, "name, file and start line")


if __name__ == "__main__":
    e2e.main(globals())
