#!/usr/bin/env python3
"""`sigprof info`: the ledger for people and for programs, of our profiles and of others', and of what is no profile."""
import gzip
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402
import go_cache  # noqa: E402

REASONS = ["SIGPROF blocked", "SIGPROF ignored", "handler replaced", "no timer", "no slot", "filtered", "unknown"]
TALLIES = ["fired", "recorded", "collected", "settled", "withheld", "filtered"]
LOSSES = ["shards busy", "shards full", "no place", "memory limit"]


def info(*arguments, **options):
    return e2e.run([e2e.SIGPROF, "info", *arguments], **options)


def info_json(path, **options):
    done = info("--json", path, **options)
    e2e.equal((done.returncode, done.stderr), (0, b""), f"exit and stderr for {path}")
    return json.loads(done.stdout)


def info_text(path, *options):
    done = info(*options, path)
    e2e.equal((done.returncode, done.stderr), (0, b""), f"exit and stderr for {path}")
    return done.stdout.decode()


def record_burn(directory, *options):
    return e2e.record(directory, [e2e.target("burn"), "500"], options)


def test_json_has_every_number(directory):
    got = record_burn(directory)
    profile, ledger = got.profile(), info_json(got.path)
    e2e.equal(list(ledger), ["file", "period_ns", "rate_hz", "duration_ns", "time_ns", "trigger", "samples", "stacks",
                             "unloading", "unwinding", "interpreters", "tracebacks", "threads", "cpu", "processes"],
                "keys")
    e2e.equal((ledger["file"], ledger["period_ns"], ledger["rate_hz"]), (got.path, 10_000_000, 100.0), "head")
    e2e.equal((ledger["duration_ns"], ledger["time_ns"]), (profile.duration_ns, profile.time_ns), "times")
    e2e.equal(list(ledger["trigger"]), ["asked", "used", "tick_hz", "achieved_hz", "perf_slowed", "perf_refused",
                                        "timer_refused"], "keys of trigger")
    e2e.equal(list(ledger["samples"]), [*TALLIES, "lost", "damaged", "stray", "early"], "keys of samples")
    e2e.equal(list(ledger["samples"]["lost"]), LOSSES, "keys of lost")
    e2e.equal(list(ledger["stacks"]), ["complete", "cut by depth", "cut by memory", "cut by missing rules", "frames",
                                       "frames in no mapping", "frames in an unknown library"], "keys of stacks")
    e2e.equal(list(ledger["unloading"]), ["untold"], "keys of unloading")
    e2e.equal(list(ledger["unwinding"]), ["frames", "rules missed"], "keys of unwinding")
    e2e.equal(list(ledger["interpreters"]), ["frames", "dropped", "damaged", "functions refused"],
              "keys of interpreters")
    e2e.equal(list(ledger["tracebacks"]), ["called", "empty", "garbled", "overrun"], "keys of tracebacks")
    e2e.equal(list(ledger["threads"]), ["armed", "sampled", "without a slot", "without a timer"], "keys of threads")
    e2e.equal(list(ledger["cpu"]), ["kernel_ns", "recorded_ns", "lost_ns", "unsampled_ns", "outside_ns"],
              "keys of cpu")
    e2e.equal(list(ledger["cpu"]["unsampled_ns"]), REASONS, "reasons")


def test_json_adds_up(directory):
    got = record_burn(directory)
    profile, ledger = got.profile(), info_json(got.path)
    samples, cpu = ledger["samples"], ledger["cpu"]
    for kind in ("count", "weight"):
        lost = sum(samples["lost"][reason][kind] for reason in LOSSES if reason != "memory limit")
        e2e.equal(samples["fired"][kind], samples["recorded"][kind] + lost, f"fired, {kind}")
        kept = sum(tally[kind] for tally in (samples["collected"], samples["withheld"], samples["filtered"],
                                             samples["lost"]["memory limit"]))
        e2e.equal(samples["recorded"][kind], kept, f"recorded, {kind}")
    e2e.equal(samples["collected"]["weight"], profile.total("samples"), "weight in the profile")
    e2e.equal(cpu["recorded_ns"], profile.total(), "CPU time in the profile")
    e2e.within(cpu["kernel_ns"], e2e.value(got.stdout, "cpu_ns"), 0.02, 20_000_000, "CPU time by the kernel")
    parts = cpu["recorded_ns"] + cpu["lost_ns"] + sum(cpu["unsampled_ns"].values()) + cpu["outside_ns"]
    e2e.within(parts, cpu["kernel_ns"], 0, ledger["period_ns"], "recorded + lost + unsampled + outside")
    (process,) = ledger["processes"]
    e2e.equal(process["name"], "burn", "the process's name")
    for key in ("recorded_ns", "unsampled_ns"):
        e2e.equal(process[key], sum(thread[key] for thread in process["threads"]), f"{key} of process and threads")
    main = process["threads"][0]
    e2e.equal((main["tid"], main["name"], main["reason"]), (process["pid"], "burn", None), "the main thread")
    e2e.within(main["kernel_ns"], main["recorded_ns"], 0, ledger["period_ns"], "CPU time of the main thread")


def test_text_says_the_same(directory):
    got = record_burn(directory)
    text, ledger = info_text(got.path), info_json(got.path)
    for key, what in (("recorded_ns", "recorded"), ("lost_ns", "lost"), ("outside_ns", "outside")):
        line = re.search(rf"^ +(\d+\.\d+) s +\d+\.\d %  {what}", text, re.MULTILINE)
        e2e.check(line, f"no line for {what} in\n{text}")
        e2e.within(float(line[1]) * 1e9, ledger["cpu"][key], 0, 600_000, what)
    e2e.check(f"{ledger['samples']['fired']['count']} fired" in text, text)
    e2e.check("\nlost " not in text, f"losses where there are none:\n{text}")
    stacks = re.search(r"^stacks +(.*); (\d+\.\d) % of frames in no mapping$", text, re.MULTILINE)
    e2e.check(stacks, f"no line on stacks in\n{text}")
    weight = ledger["samples"]["collected"]["weight"]
    for end in ("complete", "cut by depth", "cut by memory", "cut by missing rules"):
        told = re.search(rf"(\d+\.\d) % {end}", stacks[1])
        e2e.within(float(told[1]) if told else 0, 100 * ledger["stacks"][end] / weight, 0, 0.06, end)
    walked = re.search(r"^unwinding +(\d+) frames, (\d+\.\d+) % of their rules not in the cache$", text, re.MULTILINE)
    e2e.equal(walked and int(walked[1]), ledger["unwinding"]["frames"], "frames walked")
    row = re.search(r"^ *(\d+\.\d+) s +(\d+\.\d+) s +([+-]\d+\.\d+) s +(\d+) +burn$", text, re.MULTILINE)
    e2e.check(row and int(row[4]) == ledger["processes"][0]["pid"], f"no row of the process in\n{text}")
    e2e.check(max(map(len, text.splitlines())) <= 120, f"lines are wide:\n{text}")


def test_text_of_many_threads_is_one_screen(directory):
    script = "import threading\n" + "def work():\n sum(range(3000000))\n" \
             + "ts = [threading.Thread(target=work) for _ in range(30)]\n" + "[t.start() for t in ts]\n" \
             + "[t.join() for t in ts]\n"
    got = e2e.record(directory, [sys.executable, "-c", script])
    ledger = info_json(got.path)
    rows = sum(1 + len(process["threads"]) for process in ledger["processes"])
    text, everything = info_text(got.path), info_text(got.path, "--all")
    e2e.check(f"\nand {rows - 20} more; --all shows them\n" in text, text)
    e2e.equal(len(everything.splitlines()), len(text.splitlines()) + rows - 20 - 1, "lines with --all")
    cpu = [thread["kernel_ns"] for thread in ledger["processes"][0]["threads"]]
    e2e.equal(cpu, sorted(cpu, reverse=True), "the order of threads")


def test_rate_above_the_tick_is_told(directory):
    got = record_burn(directory, "-F", "5000", "--trigger=timer")
    trigger = info_json(got.path)["trigger"]
    e2e.equal((trigger["asked"], trigger["used"]), ("timer", "timer"), "trigger")
    if trigger["tick_hz"] > 4000:
        e2e.skip("the kernel's tick is as fast")
    e2e.check(0 < trigger["achieved_hz"] < 4000, f"{trigger}")
    e2e.check(re.search(r"^sigprof: 5000 Hz asked, \d+(\.\d+)? Hz reached .*weights make the totals right$", got.stderr,
                        re.MULTILINE), f"the summary does not say it:\n{got.stderr}")
    e2e.check(re.search(r"^rate +5000 Hz asked", info_text(got.path), re.MULTILINE), info_text(got.path))


def test_standard_input(directory):
    got = record_burn(directory)
    with open(got.path, "rb") as file:
        from_stdin = info_json("-", stdin=file)
    e2e.equal(from_stdin, {**info_json(got.path), "file": "-"}, "of standard input")


def test_file_name_is_escaped(directory):
    path = os.path.join(directory, 'a "b"\\c\n.pb.gz')
    os.rename(record_burn(directory).path, path)
    e2e.equal(info_json(path)["file"], path, "the file's name")


def test_gos_pprof_reads_past_the_ledger(directory):
    """-top as without it; -proto writes the profile anew and drops what it does not know, and info says so."""
    got = record_burn(directory)
    gos = e2e.find_gos()
    if not gos:
        e2e.skip("there is no go command")
    for go in gos:
        e2e.equal(e2e.without_time(e2e.go_top(go, directory, got.path)),
                  e2e.without_time(e2e.sigprof_top(got.path)), f"-top of {go}")
        path = os.path.join(directory, "anew.pb.gz")
        done = e2e.run([go, "tool", "pprof", "-proto", "-output", path, got.path], timeout=4 * e2e.TIMEOUT_S,
                       env={**os.environ, "GOCACHE": go_cache.path(), "HOME": directory,
                            "GOTOOLCHAIN": "local", "PPROF_BINARY_PATH": directory, "PPROF_TMPDIR": directory})
        e2e.equal(done.returncode, 0, f"exit of {go} tool pprof -proto\n{done.stderr.decode()}")
        e2e.check("only in the comments" in info_text(path), info_text(path))
        e2e.check("comment    sigprof samples (weight): fired" in info_text(path), info_text(path))
        e2e.equal(info_json(path)["ledger"], None, "ledger")


def varint(value):
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + varint(value >> 7)


def number(field, value):
    return varint(field << 3) + varint(value)


def blob(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


def foreign():
    """A profile of somebody else's: allocations, with a mapping and a comment."""
    strings = ["", "alloc_space", "bytes", "/bin/other", "abc123", 'says "hi"\t\u00fc']
    return b"".join([
        blob(1, number(1, 1) + number(2, 2)), blob(2, number(1, 1) + number(2, 300)),
        blob(2, number(1, 1) + number(2, 44)),
        blob(3, number(1, 1) + number(2, 0x1000) + number(3, 0x2000) + number(5, 3) + number(6, 4)),
        blob(4, number(1, 1) + number(2, 1) + number(3, 0x1234)), *[blob(6, text.encode()) for text in strings],
        blob(11, number(1, 1) + number(2, 2)), number(12, 524288), number(13, 5)])


def test_foreign_profile(directory):
    path = os.path.join(directory, "foreign.pb")
    with open(path, "wb") as file:
        file.write(foreign())
    got = info_json(path)
    e2e.equal(got, {"file": path, "period_ns": 0, "rate_hz": 0.0, "duration_ns": 0, "time_ns": 0,
                    "sample_types": [{"type": "alloc_space", "unit": "bytes", "total": 344}], "sample_count": 2,
                    "mappings": [{"file": "/bin/other", "build_id": "abc123"}],
                    "comments": ['says "hi"\t\u00fc'], "ledger": None}, "JSON")
    text = info_text(path)
    for words in ("344 bytes of type alloc_space", "/bin/other  abc123", "ledger     none"):
        e2e.check(words in text, f"no {words} in\n{text}")


def check_refused(path, words):
    for options in ((), ("--json",)):
        done = info(*options, path)
        e2e.equal((done.returncode, done.stdout), (1, b""), f"exit and stdout for {path}\n{done.stderr.decode()}")
        lines = done.stderr.decode().splitlines()
        e2e.check(len(lines) == 1 and lines[0].startswith(f"sigprof: {path}: ") and words in lines[0], f"{lines}")


def test_bad_input_is_refused(directory):
    with open(record_burn(directory).path, "rb") as file:
        whole = file.read()
    plain = gzip.decompress(whole)
    # Behind the string table stand the facts and accounts: a breach of each.
    cases = [("empty", b"", "empty"), ("text", b"no profile at all\n", "not a profile"), ("cut", whole[:-20], "gzip"),
             ("cut-plain", plain[:-3], "at byte"), ("fact", plain + blob(7001, number(1, 1 << 40)), "string index"),
             ("account", plain + blob(7002, number(7, (1 << 64) - 1)), "out of range"),
             ("garbage", bytes(range(256)) * 50, "")]
    for name, data, words in cases:
        path = os.path.join(directory, name)
        with open(path, "wb") as file:
            file.write(data)
        check_refused(path, words)
    check_refused(os.path.join(directory, "missing"), "No such file")
    check_refused(directory, "Is a directory")


def test_wrong_usage(directory):
    for arguments in ([], ["--json"], ["--nonsense", "x"], ["x", "y"]):
        done = info(*arguments, cwd=directory)
        e2e.equal((done.returncode, done.stdout), (2, b""), f"exit and stdout of {arguments}")
        e2e.check(b"usage: sigprof info" in done.stderr, f"{done.stderr!r}")
    done = info("--help")
    e2e.check(done.returncode == 0 and b"--json" in done.stdout, f"{done}")


def test_standard_output_full(directory):
    got = record_burn(directory)
    with open("/dev/full", "wb") as full:
        for options in ((), ("--json",)):
            done = info(*options, got.path, stdout=full)
            e2e.check(done.returncode == 1 and b"No space left" in done.stderr, f"{done.returncode} {done.stderr!r}")


if __name__ == "__main__":
    e2e.main(globals())
