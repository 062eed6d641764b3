#!/usr/bin/env python3
"""`sigprof record` as a command line: what it takes, what it refuses, and what passes through."""
import hashlib
import os
import re
import shutil
import stat
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402


def one_line(got, *words):
    """One line of ours says it, and names each word."""
    e2e.equal(len(got.ours()), 1, f"lines of sigprof's in\n{got.stderr}")
    for word in words:
        e2e.check(word in got.ours()[0], f"no {word!r} in {got.ours()[0]!r}")


def no_files(directory, names=()):
    e2e.equal(e2e.files_in(directory), sorted(names), "files left")


# Exit status.

def test_exit_status_is_passed(directory):
    for status in (0, 1, 3, 77, 255):
        got = e2e.record(directory, ["sh", "-c", f"exit {status}"])
        e2e.equal(got.status, status, f"exit\n{got.stderr}")
        got.profile()
    no_files(directory, ["out.pb.gz"])


def test_death_by_signal_is_128_more(directory):
    for number, name in ((15, "Terminated"), (11, "Segmentation fault"), (9, "Killed"), (6, "Aborted")):
        got = e2e.record(directory, ["sh", "-c", f"ulimit -c 0; kill -{number} $$"])
        e2e.equal(got.status, 128 + number, f"exit\n{got.stderr}")
        said = [line for line in got.ours() if f"signal {number}" in line and name in line]
        e2e.equal(len(said), 1, f"lines that name the signal in\n{got.stderr}")
        got.profile()


def test_command_not_found_is_127(directory):
    for name in ("no-such-command-at-all", "./no/such/file", os.path.join(directory, "nothing"), ""):
        got = e2e.record(directory, [name])
        e2e.equal(got.status, 127, f"exit for {name!r}\n{got.stderr}")
        one_line(got, "not found")
    no_files(directory)


def test_not_executable_is_126(directory):
    path = os.path.join(directory, "plain")
    with open(path, "w", encoding="utf-8") as file:
        file.write("text")
    for name in (path, directory):
        got = e2e.record(directory, [name])
        e2e.equal(got.status, 126, f"exit for {name}\n{got.stderr}")
        one_line(got, name)
    no_files(directory, ["plain"])


def test_interpreter_missing(directory):
    """exec itself fails: found only after the output was opened, which then has to go again."""
    path = os.path.join(directory, "script")
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/no/such/interpreter\n")
    os.chmod(path, 0o755)
    got = e2e.record(directory, [path])
    e2e.check(got.status in (126, 127), f"exit {got.status}\n{got.stderr}")
    one_line(got, path)
    no_files(directory, ["script"])


def test_wrong_usage_is_2(directory):
    cases = [["--no-such-option", "true"], ["-Z", "true"], [], ["-F"], ["-F", "0", "true"], ["-F", "-5", "true"],
             ["-F", "100001", "true"], ["-F", "12x", "true"], ["-F", "", "true"], ["-d", "0", "true"],
             ["-d", "-1", "true"], ["-d", "nan", "true"], ["-d", "1s", "true"], ["--max-depth", "0", "true"],
             ["--max-depth", "4097", "true"], ["-o", "", "true"], ["--"]]
    for case in cases:
        done = e2e.run([e2e.SIGPROF, "record", *case], cwd=directory)
        e2e.equal(done.returncode, 2, f"exit of record {case}\n{done.stderr.decode()}")
        e2e.check(done.stderr.startswith(b"sigprof: ") and b"usage: " in done.stderr, f"{case}: {done.stderr!r}")
        e2e.equal(done.stdout, b"", f"stdout of record {case}")
    for case in ([], ["no-such-command"], ["--no-such-option"], ["top"], ["top", "--no-such-option", "x"],
                 ["top", "-n", "x", "y"]):
        done = e2e.run([e2e.SIGPROF, *case], cwd=directory)
        e2e.equal(done.returncode, 2, f"exit of sigprof {case}\n{done.stderr.decode()}")
        e2e.equal(done.stdout, b"", f"stdout of sigprof {case}")
    no_files(directory)


def test_help_and_version_go_to_stdout(directory):
    for case, word in ((["--help"], b"record"), (["-h"], b"record"), (["help"], b"record"),
                       (["--version"], b"sigprof "), (["record", "--help"], b"--frequency"),
                       (["record", "-h"], b"--max-depth"),
                       (["top", "--help"], b"--cum"), (["top", "-h"], b"--cum")):
        done = e2e.run([e2e.SIGPROF, *case], cwd=directory)
        e2e.equal(done.returncode, 0, f"exit of sigprof {case}")
        e2e.equal(done.stderr, b"", f"stderr of sigprof {case}")
        e2e.check(word in done.stdout, f"no {word!r} in {done.stdout!r}")


def test_help_of_the_command_is_its_own(directory):
    got = e2e.record(directory, ["sh", "-c", "echo \"got $1\"", "sh", "--help"])
    e2e.equal((got.status, got.stdout), (0, b"got --help\n"), "exit and stdout")


# What passes through.

def test_streams_pass_untouched(directory):
    data = os.urandom(3_000_000)
    got = e2e.record(directory, ["sh", "-c", "cat; echo to-stderr >&2"], stdin=None, input=data)
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    e2e.equal(hashlib.sha256(got.stdout).hexdigest(), hashlib.sha256(data).hexdigest(), "stdin through to stdout")
    foreign = [line for line in got.stderr.splitlines() if not line.startswith("sigprof: ")]
    e2e.equal(foreign, ["to-stderr"], "the command's stderr")


def test_arguments_directory_and_descriptors_pass(directory):
    here, there = os.pipe()
    words = ["a b", "", "-o", "--", "*", "ü\n"]
    script = "import os, sys; os.write(int(sys.argv[1]), repr((os.getcwd(), sys.argv[2:])).encode())"
    got = e2e.record(directory, [sys.executable, "-c", script, str(there), *words], pass_fds=[there], cwd=directory)
    os.close(there)
    with os.fdopen(here, "rb") as pipe:
        e2e.equal(pipe.read().decode(), repr((os.path.realpath(directory), words)), "what the command has got")
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")


def test_no_descriptor_of_ours_leaks(directory):
    """The command has 0, 1, 2, the one that it opens, and the preload library's own, which is close-on-exec."""
    script = ("import os; print(sorted(int(fd) for fd in os.listdir('/proc/self/fd') if "
              "os.path.exists('/proc/self/fd/' + fd) and os.get_inheritable(int(fd))))")
    got = e2e.record(directory, [sys.executable, "-c", script])
    e2e.equal(got.stdout.decode().strip(), "[0, 1, 2]", "inheritable descriptors")


def test_signal_mask_and_dispositions_pass(directory):
    script = ("import signal; print(sorted(int(s) for s in signal.pthread_sigmask(signal.SIG_BLOCK, [])), "
              "[open('/proc/self/status').read().split(k)[1].split()[0] for k in ('SigBlk:', 'SigIgn:')])")
    bare = e2e.run([sys.executable, "-c", script])
    got = e2e.record(directory, [sys.executable, "-c", script])
    e2e.equal(got.stdout, bare.stdout, "blocked and ignored signals, of a bare run's")


# What is recorded.

def test_default_file_and_summary(directory):
    done = e2e.run([e2e.SIGPROF, "record", e2e.target("burn"), "300"], cwd=directory)
    got = e2e.Recording(done, os.path.join(directory, "sigprof.pb.gz"))
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    profile = got.profile(executable="burn")
    e2e.equal(profile.period, 10_000_000, "period at the default rate")
    summary = "\n".join(got.ours())
    for word in ("samples", "CPU time", "thread", "lost 0", "cut", "unresolved", "%", "sigprof.pb.gz", "sigprof top"):
        e2e.check(word in summary, f"no {word!r} in the summary:\n{summary}")
    no_files(directory, ["sigprof.pb.gz"])


def test_rate_keeps_the_weight(directory):
    for rate in ("10", "1000", "10000"):
        got = e2e.record(directory, [e2e.target("burn"), "800"], ["-F", rate])
        profile = got.profile(executable="burn")
        e2e.equal(profile.period, 1_000_000_000 // int(rate), "period")
        # 10 Hz: 8 samples, the last one drawn: ± one period beyond the usual.
        slack = 20_000_000 + (100_000_000 if rate == "10" else 0)
        e2e.within(profile.total(), e2e.value(got.stdout, "cpu_ns"), 0.10, slack, f"CPU time at {rate} Hz")
        e2e.equal(got.lost(), 0, f"lost at {rate} Hz")


def test_exec_chain_is_recorded(directory):
    burn = e2e.target("burn")
    for command in (["env", "A=b", burn, "500"], ["sh", "-c", f"exec {burn} 500"],
                    ["sh", "-c", f"exec env sh -c 'exec {burn} 500'"]):
        got = e2e.record(directory, command)
        e2e.equal(got.status, 0, f"exit\n{got.stderr}")
        profile = got.profile(executable="burn")
        e2e.within(profile.total(), e2e.value(got.stdout, "cpu_ns"), 0.10, 30_000_000, f"CPU time of {command[0]}")
        e2e.has_worked(profile, "burn_spin", 500)


def test_child_process_is_recorded_too(directory):
    got = e2e.record(directory, ["sh", "-c", f"{e2e.target('burn')} 500; true"])
    e2e.has_worked(got.profile(), "burn_spin", 500)


def test_script_is_recorded(directory):
    path = os.path.join(directory, "script")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\nexec {e2e.target('burn')} 300\n")
    os.chmod(path, 0o755)
    got = e2e.record(directory, [path])
    e2e.has_worked(got.profile(), "burn_spin", 300)


def test_duration_writes_while_the_command_runs(directory):
    """The command itself looks for the profile, and its exit status is passed on afterwards."""
    path = os.path.join(directory, "out.pb.gz")
    burn = e2e.target("burn")
    script = f"{burn} 1500 >/dev/null & p=$!; n=0; while [ ! -s {path} ] && [ $n -lt 600 ]; do sleep 0.1; " \
             f"n=$((n+1)); done; [ -s {path} ] && echo written; kill -0 $p && echo running; wait $p; exit 9"
    got = e2e.record(directory, ["sh", "-c", script], ["-d", "0.5"])
    e2e.equal(got.status, 9, f"exit\n{got.stderr}")
    e2e.equal(got.stdout, b"written\nrunning\n", "what the command saw")
    profile = got.profile()
    e2e.check(profile.total() < 1.2e9, f"{profile.total()} ns in a profile of half a second of two processes")
    e2e.check(profile.flat().get("burn_spin", 0) > 0, f"{profile.flat()}")


def test_max_depth_cuts(directory):
    got = e2e.record(directory, [e2e.target("hot"), "main", "300"], ["--max-depth", "2"])
    depth = max(len(sample.locations) for sample in got.profile().samples)
    e2e.check(depth <= 2, f"{depth} frames")
    e2e.check("cut 0.0%" not in got.stderr, f"cut stacks are not told:\n{got.stderr}")
    e2e.check(re.search(r"; stacks cut \d+\.\d% \(.*by depth \d+\.\d%\); ", got.stderr), f"nor why:\n{got.stderr}")


# Programs that cannot be recorded.

def test_static_program_is_refused(directory):
    program = e2e.target("static_program")
    if not os.path.exists(program):
        e2e.skip("no static libc")
    got = e2e.record(directory, [program])
    e2e.equal((got.status, got.stdout), (1, b""), f"exit and stdout\n{got.stderr}")
    one_line(got, program, "static", "LD_PRELOAD")
    no_files(directory)


def test_setuid_program_is_refused(directory):
    if os.geteuid() != 0:
        e2e.skip("only root can make a program setuid for another user")
    command = e2e.world_readable_copy(directory)
    program = shutil.copy("/bin/true", os.path.join(directory, "setuid"))
    os.chmod(program, 0o755 | stat.S_ISUID)
    work = os.path.join(directory, "work")
    os.mkdir(work)
    os.chown(work, e2e.NOBODY, e2e.NOBODY)
    path = os.path.join(work, "out.pb.gz")
    got = e2e.Recording(e2e.run(e2e.nobody([command, "record", "-o", path, program])), path)
    e2e.equal(got.status, 1, f"exit\n{got.stderr}")
    one_line(got, program, "setuid", "LD_PRELOAD")
    no_files(work)


def test_program_that_clears_the_environment(directory):
    """Nothing of ours gets into it: said so, and no file that looks like a result."""
    got = e2e.record(directory, ["env", "-i", "/bin/true"])
    e2e.check(got.status in (0, 1), f"exit {got.status}\n{got.stderr}")
    e2e.check(got.ours(), "nothing is said")


if __name__ == "__main__":
    e2e.main(globals())
