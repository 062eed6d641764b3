"""What the end-to-end tests share: running the command, its targets and Go's pprof, and a small test runner.

A test file is a script: functions test_<subject>_<condition>, then `e2e.main(globals())`. Each function gets a fresh
directory as its argument. `skip(why)` ends one as skipped; the script's exit is 77 only when all were skipped.

Environment, from tests/meson.build: SIGPROF (the command), BUILD and ROOT (build and source tree).

About bounds. No test asserts how long something took, only what was counted. Totals are compared with the CPU time
that the kernel accounts to the same process. Where they differ is known: the profile begins in a constructor (the
dynamic linker's own few ms are before it), the kernel's CPU timers expire at its ticks (1–10 ms), and the last sample
of each thread is up to one period away from its end. Those are tens of ms; targets use about 1 s, so 10 % is wide.
Where a test has a narrower one, its reason stands there.
"""

import glob
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import traceback
import typing

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import go_cache  # noqa: E402  siblings; found by the line above
import pprof  # noqa: E402

SIGPROF = os.environ.get("SIGPROF", "")
BUILD = os.environ.get("BUILD", "")
ROOT = os.environ.get("ROOT", "")
TARGETS = os.path.join(BUILD, "tests", "e2e")  # built by e2e/meson.build, from tests/targets
SKIP = 77
NOBODY = 65534
TIMEOUT_S = 120  # a hang, not a measure of speed
COARSE_CLOCK = 5  # CLOCK_REALTIME_COARSE of Linux, which Python does not name


class Skipped(Exception):
    pass


def skip(why):
    raise Skipped(why)


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def equal(got, wanted, what):
    check(got == wanted, f"{what}: {got!r}, not {wanted!r}")


def within(got, wanted, share, slack, what):
    """got is wanted ± share, ± slack."""
    check(abs(got - wanted) <= wanted * share + slack, f"{what}: {got}, not {wanted} ± {100 * share:g} % ± {slack}")


def has_worked(profile, function, ms):
    """The function, a leaf, has the CPU time that it has used by the thread's own clock. Of the whole it may be any
    part: on a loaded machine the kernel accounts tens of ms to a program's start. Less is of jitter at both ends."""
    flat = profile.flat()
    check(flat.get(function, 0) > 0.8e6 * ms, f"{function} has not {ms} ms: {flat}")


def target(name):
    return os.path.join(TARGETS, name)


def run(command, **options):
    """subprocess.run with text kept as bytes, no stdin, and a limit on time."""
    options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    options.setdefault("timeout", TIMEOUT_S)
    return subprocess.run([str(word) for word in command], check=False, **options)


class Worker(typing.NamedTuple):
    """A thread of a target's, and its CPU time by its own clock."""
    tid: int
    name: str
    used_ns: int


class Recording:
    """The end of a `sigprof record`: .status, .stdout, .stderr (text) and .path of the profile."""

    def __init__(self, done, path):
        self.status = done.returncode
        self.stdout = done.stdout if done.stdout is not None else b""
        self.stderr = (done.stderr or b"").decode(errors="replace")
        self.path = path

    def profile(self, executable=None):
        return pprof.read(self.path).check(executable)

    def ours(self):
        """The lines that sigprof itself has written."""
        return [line for line in self.stderr.splitlines() if line.startswith("sigprof: ")]

    def info(self):
        """The ledger, as `sigprof info --json` gives it."""
        done = run([SIGPROF, "info", "--json", self.path])
        equal(done.returncode, 0, f"exit of sigprof info:\n{done.stderr.decode(errors='replace')}")
        return json.loads(done.stdout)

    def lost(self):
        found = re.search(r"; lost (\d+)[;,\n]", self.stderr)
        check(found, f"the summary says nothing of losses:\n{self.stderr}")
        return int(found[1])


def record_command(path, command, options=(), sigprof=None):
    return [sigprof or SIGPROF, "record", "-o", path, *options, "--", *command]


def record(directory, command, options=(), name="out.pb.gz", before=(), **more):
    """`before`: words in front of the recording, of a command that runs another."""
    path = os.path.join(directory, name)
    return Recording(run([*before, *record_command(path, command, options)], **more), path)


def value(text, key):
    """What a target has printed as key=NUMBER."""
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    found = re.search(rf"(?<![a-z_]){key}=(-?\d+)", text)
    check(found, f"no {key}= in {text!r}")
    return int(found[1])


def workers(text):
    """The lines `thread tid=N name=TEXT used_ns=N` that targets print (tests/targets/cpu_work.h)."""
    found = re.findall(r"^thread tid=(\d+) name=(\S+) used_ns=(\d+)$", text.decode(), re.MULTILINE)
    return [Worker(int(tid), name, int(used_ns)) for tid, name, used_ns in found]


def files_in(directory):
    return sorted(os.listdir(directory))


# Go's pprof.

def find_gos():
    found = {}
    for go in [shutil.which("go"), *glob.glob("/usr/local/go/bin/go"), *sorted(glob.glob("/usr/lib/go-*/bin/go"))]:
        if go and os.access(go, os.X_OK):
            found.setdefault(os.path.realpath(go), go)
    return list(found.values())


def go_top(go, directory, path):
    """The lines of `go tool pprof -top`."""
    return go_pprof(go, directory, path, "-top")


def go_pprof(go, directory, path, *options):
    """The lines of `go tool pprof`. Newer Gos build the tool at its first use: the cache is kept between tests."""
    scratch = os.path.join(directory, "pprof")
    os.makedirs(scratch, exist_ok=True)
    env = {**os.environ, "PPROF_TMPDIR": scratch, "GOCACHE": go_cache.path(), "GOFLAGS": "",
           "HOME": scratch, "GOTOOLCHAIN": "local", "PPROF_BINARY_PATH": scratch}
    done = run([go, "tool", "pprof", *options, path], env=env, cwd=scratch, timeout=4 * TIMEOUT_S)
    equal(done.returncode, 0, f"exit of {go} tool pprof:\n{done.stderr.decode(errors='replace')}")
    return done.stdout.decode().splitlines()


def sigprof_top(path, *options):
    done = run([SIGPROF, "top", *options, path])
    equal(done.returncode, 0, f"exit of sigprof top:\n{done.stderr.decode(errors='replace')}")
    return done.stdout.decode().splitlines()


def without_time(lines):
    """Go 1.19 writes the line of the time of day in another layout."""
    return [line for line in lines if not line.startswith("Time: ")]


# Other users, other machines.

def nobody(command):
    """The command as a user that file modes apply to: as it is, unless we are root."""
    if os.geteuid() != 0:
        return list(command)
    if shutil.which("setpriv") is None:
        skip("root, and no setpriv to become someone else")
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--", *command]


def world_readable_copy(directory):
    """sigprof and its preload library where everybody can run them; the path of the command."""
    os.chmod(directory, 0o755)
    home = os.path.join(directory, "bin")
    os.makedirs(os.path.join(home, "preload"))
    command = shutil.copy(SIGPROF, os.path.join(home, "sigprof"))
    shutil.copy(os.path.join(BUILD, "preload", "libsigprof-preload.so"), os.path.join(home, "preload"))
    done = run(nobody([command, "--version"]))
    if done.returncode != 0:
        skip(f"another user cannot run a program in {directory}")
    return command


def as_nobody(directory, name):
    """(a prefix, sigprof, a target, a path for the profile) with which another user can record the target."""
    command = world_readable_copy(directory)
    program = shutil.copy(target(name), os.path.dirname(command))
    work = os.path.join(directory, "work")
    os.mkdir(work)
    os.chmod(work, 0o777)
    return nobody([]), command, program, os.path.join(work, "out.pb.gz")


def record_as_nobody(directory, name, arguments, options=(), **more):
    prefix, sigprof, program, path = as_nobody(directory, name)
    return Recording(run([*prefix, *record_command(path, [program, *arguments], options, sigprof)], **more), path)


# What a kernel has and permits.

def tick_hz():
    """CONFIG_HZ: the coarse clocks advance once a tick."""
    return 1 / time.clock_getres(COARSE_CLOCK)


def need_perf(rate_hz):
    """Skips where the kernel gives no perf events for CPU time, or fewer than asked for."""
    error = value(run([target("perf_gate"), "ask"]).stdout, "perf_error")
    if error != 0:
        skip(f"perf_event_open: {os.strerror(error)}")
    with open("/proc/sys/kernel/perf_event_max_sample_rate", encoding="ascii") as file:
        limit = int(file.read())
    if limit < rate_hz:
        skip(f"the kernel has set perf_event_max_sample_rate to {limit}")


def signal_text(status):
    return signal.Signals(-status).name if status < 0 else f"exit {status}"


def _run_one(name, function):
    directory = tempfile.mkdtemp(prefix="sigprof-e2e-")
    try:
        function(directory)
        print(f"ok    {name}", flush=True)
        return "ok"
    except Skipped as why:
        print(f"skip  {name}: {why}", flush=True)
        return "skip"
    except Exception:  # pylint: disable=broad-exception-caught  (one test's end is not the end of the others)
        print(f"FAIL  {name}", flush=True)
        traceback.print_exc(limit=-4, file=sys.stdout)
        return "FAIL"
    finally:
        for root, folders, _ in os.walk(directory):  # some tests take rights away
            for folder in folders:
                path = os.path.join(root, folder)
                if not os.path.islink(path):
                    os.chmod(path, stat.S_IRWXU)
        shutil.rmtree(directory, ignore_errors=True)


def main(names):
    """Runs every test_* of a script, or those that the command line names."""
    if not SIGPROF or not BUILD:
        sys.exit("SIGPROF and BUILD are not set: run it by `meson test`")
    tests = {name: item for name, item in names.items() if name.startswith("test_") and callable(item)}
    wanted = sys.argv[1:] or list(tests)
    results = [_run_one(name, tests[name]) for name in wanted]
    if "FAIL" in results:
        sys.exit(1)
    sys.exit(SKIP if results and all(result == "skip" for result in results) else 0)
