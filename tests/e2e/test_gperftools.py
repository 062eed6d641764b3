#!/usr/bin/env python3
"""libprofiler.so.0 of sigprof's, in the place of gperftools' own: the same program, the same calls, the same results.

The program is built with gperftools' header and linked with -lprofiler. Which library it gets is up to LD_LIBRARY_PATH;
others get ours by LD_PRELOAD. Profiles are read by gperftools' own google-pprof and by go tool pprof, too.
"""
import glob
import os
import re
import shutil
import signal
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402
import pprof  # noqa: E402

OURS = os.path.join(e2e.BUILD, "src", "gperftools")
LIBRARY = os.path.join(OURS, "libprofiler.so.0")
VARIABLES = ("CPUPROFILE", "SIGPROF_FORMAT", "LD_LIBRARY_PATH", "LD_PRELOAD")
RESULT = re.compile(r"^PROFILE: samples/lost/bytes = (\d+)/(\d+)/(\d+)(?:, and (\d+) filtered out)?$", re.MULTILINE)


def environment(**variables):
    """None takes one away."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(VARIABLES)}
    return {**env, **{key: str(value) for key, value in variables.items() if value is not None}}


def linked(directory, *arguments, is_ours=True, status=0, **variables):
    """The program that is linked with libprofiler."""
    program = e2e.target("gperf_calls")
    if not os.path.exists(program):
        e2e.skip("built without gperftools (libgoogle-perftools-dev)")
    env = environment(LD_LIBRARY_PATH=OURS if is_ours else None, **variables)
    return checked(e2e.run([program, *arguments], cwd=directory, env=env), status)


def preloaded(directory, command, status=0, **variables):
    return checked(e2e.run(command, cwd=directory, env=environment(LD_PRELOAD=LIBRARY, **variables)), status)


def checked(done, status):
    done.errors = done.stderr.decode(errors="replace")
    e2e.equal(done.returncode, status, f"exit\n{done.errors}")
    return done


def complaints(done):
    return [line for line in done.errors.splitlines() if line.startswith("sigprof: ")]


def results(done):
    """(samples, lost, bytes, filtered) of each profile."""
    return [tuple(int(number or 0) for number in found) for found in RESULT.findall(done.errors)]


def read(directory, name):
    return pprof.read(os.path.join(directory, name)).check()


def check_result(done, directory, name):
    """What the line on stderr says is what the file has."""
    samples, lost, size, _ = results(done)[-1]
    profile = read(directory, name)
    e2e.equal((samples, lost), (profile.total("samples"), 0), f"samples and losses\n{done.errors}")
    e2e.equal(size, os.path.getsize(os.path.join(directory, name)), "bytes")
    return profile


class Legacy:
    """A legacy profile: .period_us, .records [(count, pcs)], .lines of the mappings."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        words = struct.unpack(f"={len(data) // 8}Q", data[:len(data) // 8 * 8])
        e2e.equal((words[:3], words[4]), ((0, 3, 0), 0), "header")
        self.period_us = words[3]
        self.records = []
        at = 5
        while words[at] != 0:
            count, depth = words[at:at + 2]
            e2e.check(depth >= 1, f"a record of {depth} frames")
            self.records.append((count, words[at + 2:at + 2 + depth]))
            at += 2 + depth
        e2e.equal(words[at:at + 3], (0, 1, 0), "trailer")
        self.lines = data[8 * at + 24:].decode().splitlines()

    def total(self):
        return sum(count for count, _ in self.records)


def test_calls_have_the_results_of_gperftools(directory):
    theirs, ours = os.path.join(directory, "theirs"), os.path.join(directory, "ours")
    os.mkdir(theirs)
    os.mkdir(ours)
    wanted = linked(theirs, "results", is_ours=False)
    got = linked(ours, "results")
    e2e.equal(got.stdout.decode().splitlines(), wanted.stdout.decode().splitlines(), "results")
    e2e.equal(e2e.files_in(ours), e2e.files_in(theirs), "files")
    e2e.equal(len(results(got)), 2, f"profiles told of\n{got.errors}")
    e2e.equal(wanted.errors.count("PROFILE: "), 2, "profiles that gperftools tells of")
    for name in ("a.prof", "d.prof"):
        e2e.within(read(ours, name).total(), 100e6, 0.1, 30e6, f"CPU time in {name}")


def test_stack_trace_is_that_of_gperftools(directory):
    wanted, got = (linked(directory, "trace", is_ours=is_ours).stdout.decode().splitlines() for is_ours in (False, True))
    e2e.check(wanted[0] == "deeper by 2" and "gperf_inner" in wanted and "gperf_outer" in wanted, f"{wanted}")
    e2e.equal(got, wanted, "stack")


def test_linked_program_profiles_itself(directory):
    done = linked(directory, "profile", "out.prof", CPUPROFILE_FREQUENCY="1000")
    profile = check_result(done, directory, "out.prof")
    flat = profile.cum()
    e2e.within(profile.total(), e2e.value(done.stdout, "cpu_ns"), 0.1, 20e6, "CPU time")
    e2e.within(flat["gperf_spin"], 270e6, 0.1, 20e6, "gperf_spin")
    e2e.within(flat["gperf_other"], 30e6, 0.1, 20e6, "gperf_other")
    e2e.within(e2e.value(done.stdout, "gathered"), profile.total("samples"), 0.1, 10, "samples before the stop")
    e2e.equal(profile.period, 1000000, "period")
    e2e.equal(complaints(done), [], "complaints")


def test_preloaded_program_is_profiled_from_load_to_exit(directory):
    done = preloaded(directory, [e2e.target("burn"), "300"], CPUPROFILE="out.prof")
    profile = check_result(done, directory, "out.prof")
    e2e.has_worked(profile, "burn_spin", 300)
    e2e.within(profile.total(), e2e.value(done.stdout, "cpu_ns"), 0.1, 30e6, "CPU time")
    e2e.equal(profile.period, 10000000, "period")


def test_linked_program_is_profiled_from_load_to_exit(directory):
    for is_ours in (False, True):
        done = linked(directory, "profile", "mine.prof", is_ours=is_ours, status=1, CPUPROFILE="out.prof")
        e2e.equal(e2e.files_in(directory), ["out.prof"], f"files of {'ours' if is_ours else 'theirs'}: its own start is "
                  "refused")
    check_result(done, directory, "out.prof")


def test_preloaded_library_takes_the_place_of_the_linked_one(directory):
    """The loader knows it by its name, and does not load gperftools'."""
    if not os.path.exists(e2e.target("gperf_calls")):
        e2e.skip("built without gperftools (libgoogle-perftools-dev)")
    done = preloaded(directory, [e2e.target("gperf_calls"), "profile", "out.prof"])
    check_result(done, directory, "out.prof")
    e2e.equal(done.errors.count("PROFILE: "), 1, "profiles")


def test_without_variables_nothing_happens(directory):
    done = preloaded(directory, [e2e.target("burn"), "20"], CPUPROFILE="")
    e2e.equal((done.errors, e2e.files_in(directory)), ("", []), "stderr and files")


def pprof_total(text):
    """google-pprof's, in samples."""
    found = re.search(r"^Total: (\d+) samples$", text, re.MULTILINE)
    e2e.check(found, f"no total in {text!r}")
    return int(found[1])


def test_legacy_profile_is_read_by_google_pprof(directory):
    reader = shutil.which("google-pprof")
    if reader is None:
        e2e.skip("no google-pprof (google-perftools)")
    done = linked(directory, "profile", "out.prof", SIGPROF_FORMAT="legacy", CPUPROFILE_FREQUENCY="1000")
    shown = checked(e2e.run([reader, "--text", e2e.target("gperf_calls"), "out.prof"], cwd=directory), 0)
    text = shown.stdout.decode()
    e2e.equal(pprof_total(text), results(done)[0][0], "samples by google-pprof")
    cum = {line.split()[-1]: int(line.split()[3]) for line in text.splitlines()[1:]}
    e2e.within(cum["gperf_spin"], 270, 0.1, 20, f"gperf_spin\n{text}")
    e2e.check(cum["main"] >= cum["gperf_spin"] + cum["gperf_other"], text)


def test_legacy_profile_is_as_gperftools_describes_it(directory):
    """3000 Hz: the period is no whole number of microseconds, so ours is what the file can tell."""
    done = linked(directory, "profile", "out.prof", SIGPROF_FORMAT="legacy", CPUPROFILE_FREQUENCY="3000")
    profile = Legacy(os.path.join(directory, "out.prof"))
    e2e.equal(profile.period_us, 333, "period in µs")
    e2e.equal(profile.total(), results(done)[0][0], "samples")
    e2e.within(profile.total() * 333e3, e2e.value(done.stdout, "cpu_ns"), 0.1, 20e6, "CPU time")
    e2e.check(sum(line.endswith("/gperf_calls") for line in profile.lines) == 1, f"{profile.lines}")
    form = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r-xp [0-9a-f]{8} 00:00 0 +[/\[]")
    ranges = [(int(found[1], 16), int(found[2], 16)) for found in map(form.match, profile.lines)]
    for _, pcs in profile.records:
        e2e.check(all(any(low <= pc - (i > 0) < high for low, high in ranges) for i, pc in enumerate(pcs)),
                  f"{pcs} are not all in {profile.lines}")


def test_legacy_profile_is_read_by_go(directory):
    gos = e2e.find_gos()
    if not gos:
        e2e.skip("no go")
    done = linked(directory, "profile", "out.prof", SIGPROF_FORMAT="legacy", CPUPROFILE_FREQUENCY="1000")
    for go in gos[:1]:
        lines = e2e.go_top(go, directory, os.path.join(directory, "out.prof"))
        found = re.search(r"of (\d+)ms total", "\n".join(lines))
        e2e.check(found, f"{lines}")
        e2e.equal(int(found[1]), results(done)[0][0], "samples of 1 ms by go tool pprof")


def test_unknown_format_is_told(directory):
    done = preloaded(directory, [e2e.target("burn"), "20"], CPUPROFILE="out.prof", SIGPROF_FORMAT="perf")
    read(directory, "out.prof")
    told = complaints(done)
    e2e.check(len(told) == 1 and "SIGPROF_FORMAT=perf" in told[0] and "legacy" in told[0], f"{told}")


def test_frequencies(directory):
    for text, period_ns, n_told in (("250", 4000000, 0), ("20000", 50000, 0), ("1000000", 10000, 1), ("0", 10000000, 1),
                                    ("-5", 10000000, 1), ("100Hz", 10000000, 1), ("", 10000000, 1)):
        done = preloaded(directory, [e2e.target("burn"), "10"], CPUPROFILE="out.prof", CPUPROFILE_FREQUENCY=text)
        e2e.equal(read(directory, "out.prof").period, period_ns, f"period of {text!r}")
        e2e.equal(len(complaints(done)), n_told, f"complaints of {text!r}\n{done.errors}")


def test_realtime_is_refused(directory):
    for value in ("1", ""):
        done = preloaded(directory, [e2e.target("burn"), "20"], CPUPROFILE="out.prof", CPUPROFILE_REALTIME=value)
        e2e.equal(e2e.files_in(directory), [], "files")
        e2e.check(len(complaints(done)) == 1 and "CPUPROFILE_REALTIME" in done.errors, done.errors)
    done = linked(directory, "profile", "mine.prof", status=1, CPUPROFILE_REALTIME="1")
    e2e.equal((e2e.files_in(directory), len(complaints(done))), ([], 1), "files and complaints of a call")


def test_other_variables_of_timers(directory):
    done = preloaded(directory, [e2e.target("burn"), "50"], CPUPROFILE="a", CPUPROFILE_PER_THREAD_TIMERS="1")
    e2e.equal(complaints(done), [], "complaints")
    done = preloaded(directory, [e2e.target("burn"), "50"], CPUPROFILE="b", CPUPROFILE_TIMER_SIGNAL="34")
    e2e.check(len(complaints(done)) == 1 and "CPUPROFILE_TIMER_SIGNAL" in done.errors, done.errors)
    for name in ("a", "b"):
        e2e.check(read(directory, name).total() > 0, f"{name} is empty")


def test_file_that_cannot_be_written_stops_nobody(directory):
    done = preloaded(directory, [e2e.target("burn"), "20"], CPUPROFILE="no/such/out.prof")
    e2e.check(b"cpu_ns=" in done.stdout and len(complaints(done)) == 1, done.errors)
    e2e.check("no/such/out.prof" in done.errors and "No such file" in done.errors, done.errors)
    done = preloaded(directory, [e2e.target("burn"), "20"], CPUPROFILE="/dev/full")
    e2e.check(len(complaints(done)) == 1 and "No space left" in done.errors, done.errors)


def test_signal_switches_profiles(directory):
    wanted = None
    for is_ours in (False, True):
        where = os.path.join(directory, str(is_ours))
        os.mkdir(where)
        done = linked(where, "switch", "12", is_ours=is_ours, CPUPROFILE="out.prof", CPUPROFILESIGNAL="12")
        e2e.equal(e2e.value(done.stdout, "good"), 1, f"switched, {is_ours}\n{done.errors}")
        wanted = wanted or e2e.files_in(where)
        e2e.equal(e2e.files_in(where), wanted, "files")
    e2e.equal(wanted, ["out.prof.0", "out.prof.1"], "files of gperftools")
    e2e.equal((len(results(done)), complaints(done)), (2, []), f"results and complaints\n{done.errors}")
    first = read(where, "out.prof.0").cum()
    e2e.within(first["gperf_spin"], 150e6, 0.1, 50e6, "first profile")
    e2e.check(first.get("gperf_other", 0) < 0.7 * first["gperf_spin"], f"off until the signal: {first}")


def test_signal_switches_profiles_of_a_forked_child(directory):
    done = linked(directory, "worker", "12", CPUPROFILE="out.prof", CPUPROFILESIGNAL="12")
    name = f"out.prof_{e2e.value(done.stdout, 'child')}"
    e2e.equal((e2e.value(done.stdout, "good"), e2e.files_in(directory)), (1, [name + ".0", name + ".1"]), "files")
    e2e.within(read(directory, name + ".0").cum()["gperf_spin"], 150e6, 0.1, 50e6, "first profile")


def test_signal_that_cannot_switch_is_told(directory):
    for text in ("0", "65", "abc", "", "9", str(int(signal.SIGPROF))):
        done = preloaded(directory, [e2e.target("burn"), "10"], CPUPROFILE="out.prof", CPUPROFILESIGNAL=text)
        e2e.check(len(complaints(done)) == 1 and f"CPUPROFILESIGNAL={text}" in done.errors, f"{text!r}: {done.errors}")
    e2e.equal(e2e.files_in(directory), [], "files")


def test_signal_that_the_program_handles_stays_its_own(directory):
    done = linked(directory, "handled", "12", CPUPROFILE="out.prof", CPUPROFILESIGNAL="12")
    e2e.equal((e2e.value(done.stdout, "arrived"), e2e.value(done.stdout, "enabled")), (1, 0), "arrived, enabled")


def check_children(directory, name, wanted_name=None):
    """A shell's file has the name, those of the commands that it runs have their pids behind it."""
    for shell in ("bash", "dash"):
        if shutil.which(shell) is None:
            continue
        script = f"{e2e.target('burn')} 100; {e2e.target('burn')} 100; exit 3"
        preloaded(directory, [shell, "-c", script], status=3, CPUPROFILE=name)
        e2e.check(os.path.exists(os.path.join(directory, wanted_name or name)), f"{shell}: {e2e.files_in(directory)}")
        children = glob.glob(os.path.join(directory, name + "_[0-9]*"))
        flats = [pprof.read(path).check().flat() for path in children]
        # Ten samples each. Two at most belong to its start and end; half of them elsewhere is out of the question.
        e2e.equal(sum(flat.get("burn_spin", 0) >= 50e6 for flat in flats), 2, f"{shell}: children's files, of {flats}")
        for entry in e2e.files_in(directory):
            os.remove(os.path.join(directory, entry))


def test_children_have_files_of_their_own(directory):
    check_children(directory, "out.prof")


def test_name_may_begin_with_any_character(directory):
    check_children(directory, "Ä.prof")


def test_use_pid_makes_a_child(directory):
    done = preloaded(directory, ["sh", "-c", f"echo pid=$$; exec {e2e.target('burn')} 20"], CPUPROFILE="out.prof",
                     CPUPROFILE_USE_PID="1")
    e2e.equal(e2e.files_in(directory), [f"out.prof_{e2e.value(done.stdout, 'pid')}"], "files")


def test_forked_child_leaves_the_parents_profile_alone(directory):
    """With gperftools, the child cannot start one, and writes to its parent's file when it ends."""
    done = linked(directory, "fork", "out.prof")
    e2e.equal(e2e.value(done.stdout, "started"), 1, "the child starts its own")
    parent, child = read(directory, "out.prof").cum(), read(directory, "out.prof.child").cum()
    e2e.within(parent["gperf_spin"], 200e6, 0.1, 30e6, "parent's work")
    e2e.within(child["gperf_other"], 200e6, 0.1, 30e6, "child's work")
    e2e.check("gperf_other" not in parent and "gperf_spin" not in child, f"{parent} {child}")
    e2e.equal(len(results(done)), 2, f"profiles\n{done.errors}")


def test_filter_takes_samples_out(directory):
    done = linked(directory, "filter", "out.prof", CPUPROFILE_FREQUENCY="250")
    path = os.path.join(directory, "out.prof")
    profile = check_result(done, directory, "out.prof")
    cum = profile.cum()
    e2e.within(cum["gperf_spin"], 200e6, 0.1, 30e6, "wanted")
    e2e.check("gperf_other" not in cum, f"{cum}")
    e2e.equal(e2e.value(done.stdout, "errors"), 0, "errno of interrupted code")
    filtered = results(done)[0][3]
    e2e.within(filtered * 4e6, 200e6, 0.1, 60e6, "filtered")
    samples = e2e.Recording(done, path).info()["samples"]
    lost = sum(tally["weight"] for tally in samples["lost"].values())
    e2e.equal(samples["filtered"]["weight"], filtered, "filtered, by sigprof info")
    e2e.equal(samples["fired"]["weight"], profile.total("samples") + filtered + samples["withheld"]["weight"] + lost,
              "fired, of what is in the profile, filtered, withheld and lost")


def test_flushed_profile_survives(directory):
    linked(directory, "flush", "out.prof", status=-signal.SIGKILL)
    cum = read(directory, "out.prof").cum()
    e2e.within(cum["gperf_spin"], 200e6, 0.1, 30e6, "until it was flushed")
    e2e.check("gperf_other" not in cum, f"{cum}")


def test_daemon_keeps_its_profile(directory):
    done = linked(directory, "daemon", "out.prof")
    e2e.equal(e2e.value(done.stdout, "first"), 3, "the descriptor that the program gets next")
    e2e.within(check_result(done, directory, "out.prof").cum()["gperf_spin"], 200e6, 0.1, 30e6, "work")


def test_pipe_gets_the_profile_once(directory):
    pipe, path = os.path.join(directory, "pipe"), os.path.join(directory, "out.prof")
    os.mkfifo(pipe)
    with subprocess.Popen(["cp", pipe, path]) as reader:
        preloaded(directory, [e2e.target("burn"), "50"], CPUPROFILE=pipe)
        e2e.equal(reader.wait(timeout=e2e.TIMEOUT_S), 0, "exit of who reads the pipe")
    pprof.read(path).check()


def test_threads_that_nobody_registers_have_their_shares(directory):
    """As gperftools takes one thread's samples at a time, and registered ones' alone where each has a timer."""
    done = preloaded(directory, [e2e.target("shares"), "mixed", "2000"], CPUPROFILE="out.prof",
                     CPUPROFILE_PER_THREAD_TIMERS="1", CPUPROFILE_FREQUENCY="250")
    profile = read(directory, "out.prof")
    total = profile.total()
    cum = profile.cum()
    for percent in (40, 30, 20, 10):
        e2e.within(100 * cum.get(f"spin_{percent}", 0) / total, percent, 0, 2.5, f"share in points; all: {cum}")
    e2e.within(total, e2e.value(done.stdout, "cpu_ns"), 0.05, 0, "CPU time")


if __name__ == "__main__":
    e2e.main(globals())
