#!/usr/bin/env python3
"""`sigprof convert`: what is written is read again as it was, by others, too, and holds to the schemas of its formats.

The profiles are those of tests/corpus that are encoded by hand. Sums are computed here from their own bytes.
"""
import functools
import glob
import json
import math
import os
import re
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402
import firefox_schema  # noqa: E402
import pprof  # noqa: E402

SPEEDSCOPE = "speedscope@1.25.0"
TEXTS = ["folded", "speedscope", "firefox", "callgrind", "json"]
ROOT = e2e.ROOT or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
EXACT = 2 ** 53


@functools.lru_cache(maxsize=None)
def corpus():
    """The paths of the profiles, by name."""
    folder = tempfile.TemporaryDirectory(prefix="sigprof-corpus-")
    done = e2e.run([sys.executable, os.path.join(ROOT, "tests", "corpus", "make_corpus.py"), folder.name, "--made-only"])
    e2e.equal(done.returncode, 0, f"exit of make_corpus.py:\n{done.stderr.decode(errors='replace')}")
    with open(os.path.join(folder.name, "corpus.json"), encoding="utf-8") as file:
        found = {item["name"]: os.path.join(folder.name, item["file"]) for item in json.load(file)}
    corpus.keep = folder
    return found


def convert(source, format_name, *options):
    """The bytes of the profile in that format, or None where it is refused with one line."""
    done = e2e.run([e2e.SIGPROF, "convert", "-f", format_name, *options, source])
    if done.returncode == 0:
        return done.stdout
    e2e.equal((done.returncode, done.stdout, done.stderr.count(b"\n")), (1, b"", 1), f"{source} as {format_name}")
    return None


@functools.lru_cache(maxsize=None)
def decoded():
    """{name: (path, what Python reads of it)}: of profiles that are read, as profile.proto."""
    found = {}
    for name, path in corpus().items():
        plain = convert(path, "proto")
        if plain is not None:
            found[name] = (path, pprof.Profile(plain))
    e2e.check(len(found) >= 30, f"only {len(found)} profiles are read")
    return found


def default_index(profile):
    names = [name for name, _ in profile.sample_types]
    return names.index(profile.default_sample_type) if profile.default_sample_type in names else max(len(names) - 1, 0)


def has_negative(profile, index=None):
    return any(value < 0 for sample in profile.samples for value in
               (sample.values if index is None else sample.values[index:index + 1]))


def named_sums(profile, index):
    """{function name: (flat, cum)} of frames with names."""
    sums = {}
    for sample in profile.samples:
        names, value = sample.function_names(), sample.values[index]
        for name in set(names):
            flat, cum = sums.get(name, (0, 0))
            sums[name] = (flat + (value if names[0] == name else 0), cum + value)
    return {name: both for name, both in sums.items() if name and any(both)}


def test_round_trip_is_identical(directory):
    for name, path in corpus().items():
        once = convert(path, "proto")
        if once is None:
            continue
        for format_name in ("proto", "pprof"):
            between = os.path.join(directory, "between")
            with open(between, "wb") as file:
                file.write(convert(path, format_name))
            e2e.check(convert(between, "proto") == once, f"{name} through {format_name} is another profile")


def test_nothing_is_lost_in_reading(_):
    for name, path in corpus().items():
        if not path.endswith((".pb", ".pb.gz")) or name not in decoded():  # one without sample types is refused
            continue
        before, after = pprof.read(path), decoded()[name][1]
        for field in ("sample_types", "drop_frames", "keep_frames", "time_ns", "duration_ns", "period", "comments",
                      "default_sample_type"):
            e2e.equal(getattr(after, field), getattr(before, field), f"{name}: {field}")
        e2e.equal([(sample.values, sample.label_list) for sample in after.samples],
                  [(sample.values, sample.label_list) for sample in before.samples], f"{name}: samples")
        e2e.equal([sample.function_names() for sample in after.samples],
                  [sample.function_names() for sample in before.samples], f"{name}: stacks")


def test_go_reads_what_is_written(directory):
    gos = e2e.find_gos()
    if not gos:
        e2e.skip("there is no go")
    for name in ("plain", "inlines", "several_mappings", "negative"):
        path = os.path.join(directory, name + ".pb.gz")
        done = e2e.run([e2e.SIGPROF, "convert", "-o", path, corpus()[name]])
        e2e.equal((done.returncode, done.stderr), (0, b""), "exit of convert")
        raw = e2e.go_pprof(gos[0], directory, path, "-raw")
        original = e2e.go_pprof(gos[0], directory, corpus()[name], "-raw")
        e2e.equal(raw, original, f"{name}: go tool pprof -raw")


def test_json_has_what_the_profile_has(_):
    for name, (path, profile) in decoded().items():
        found = json.loads(convert(path, "json"))
        e2e.equal([[int(value) for value in sample["values"]] for sample in found["samples"]],
                  [sample.values for sample in profile.samples], f"{name}: values")
        for sample in found["samples"]:
            e2e.check(all(isinstance(value, str) == (abs(int(value)) > EXACT) for value in sample["values"]),
                      f"{name}: {sample['values']}")
        e2e.equal([[location + 1 for location in sample["locations"]] for sample in found["samples"]],
                  [sample.location_ids for sample in profile.samples], f"{name}: stacks")
        e2e.equal([int(location["address"], 16) for location in found["locations"]],
                  [location.address for location in profile.locations], f"{name}: addresses")
        e2e.equal([function["name"] for function in found["functions"]],
                  [function.name for function in profile.functions], f"{name}: functions")
        e2e.equal(found["value_index"], default_index(profile), f"{name}: value_index")


def test_firefox_schema_holds(_):
    for name, (path, profile) in decoded().items():
        if not profile.sample_types:
            continue
        index = default_index(profile)
        found = firefox_schema.check(json.loads(convert(path, "firefox")))
        scale = {"nanoseconds": 1e-6, "count": 1, "bytes": 1}.get(profile.sample_types[index][1])
        if scale is None:
            continue
        weights = {}
        for _, names, weight in firefox_schema.stacks(found):
            leaf = names[-1] if names else None
            weights[leaf] = weights.get(leaf, 0) + weight
        for function, (flat, _) in named_sums(profile, index).items():
            e2e.check(math.isclose(weights.get(function, 0), flat * scale, rel_tol=1e-9, abs_tol=1e-9),
                      f"{name}: {function}: {weights.get(function)}, not {flat * scale}")


def thread_name(sample):
    """One that ended before its name was read has none in a recording, and the writer makes one up."""
    return sample.labels.get("thread", f"thread {sample.labels['tid']}")


def test_firefox_has_the_threads(directory):
    recording = e2e.record(directory, [e2e.target("shares"), "mixed", "300"], name="threads.pb.gz")
    e2e.equal(recording.status, 0, f"exit of record:\n{recording.stderr}")
    profile = recording.profile()
    found = firefox_schema.check(json.loads(convert(recording.path, "firefox")))
    e2e.equal({(thread["name"], thread["tid"]) for thread in found["threads"]},
              {(thread_name(sample), sample.labels["tid"]) for sample in profile.samples}, "threads")
    by_thread, recorded = {}, {}
    for thread, _, weight in firefox_schema.stacks(found):
        by_thread[thread] = by_thread.get(thread, 0) + weight
    for sample in profile.samples:
        name = thread_name(sample)
        recorded[name] = recorded.get(name, 0) + sample.values[profile.index("cpu")]
    for thread, value in recorded.items():
        e2e.within(by_thread[thread], value / 1e6, 1e-9, 1e-9, thread)


def test_folded_has_all_values(_):
    for name, (path, profile) in decoded().items():
        if not profile.sample_types:
            continue
        index = default_index(profile)
        text = convert(path, "folded")
        stacks = dict(re.fullmatch(r"(.*) (-?\d+)", line).groups() for line in text.decode().splitlines())
        e2e.equal(len(stacks), len(text.decode().splitlines()), f"{name}: lines that differ")
        total = sum(sample.values[index] for sample in profile.samples)
        if abs(total) < EXACT:
            e2e.equal(sum(map(int, stacks.values())), total, f"{name}: total")


def test_folded_is_read_as_it_was_written(directory):
    for name in ("plain", "inlines", "recursion", "several_mappings", "no_symbols"):
        first, again = os.path.join(directory, "first.folded"), os.path.join(directory, "again.folded")
        e2e.equal(e2e.run([e2e.SIGPROF, "convert", "-o", first, corpus()[name]]).returncode, 0, "exit of convert")
        done = e2e.run([e2e.SIGPROF, "convert", "-o", again, first])
        if b"not a profile of a known format" in done.stderr:
            e2e.skip("folded stacks are not read here")
        e2e.equal((done.returncode, done.stderr), (0, b""), "exit of convert")
        with open(first, "rb") as before, open(again, "rb") as after:
            e2e.equal(after.read(), before.read(), f"{name}: read and written again")


def test_callgrind_annotate_has_the_sums(directory):
    if shutil.which("callgrind_annotate") is None:
        e2e.skip("there is no callgrind_annotate")
    for name in ("plain", "inlines", "several_mappings"):
        profile = decoded()[name][1]
        path = os.path.join(directory, name + ".callgrind")
        e2e.equal(e2e.run([e2e.SIGPROF, "convert", "-o", path, decoded()[name][0]]).returncode, 0, "exit of convert")
        # Where a function calls itself, that is in what callgrind_annotate adds up twice.
        for inclusive, word in enumerate(("no", "yes") if name != "inlines" else ("no",)):
            done = e2e.run(["callgrind_annotate", "--threshold=100", "--auto=no", f"--inclusive={word}", path])
            e2e.equal((done.returncode, b"malformed" in done.stderr), (0, False), f"{name}: {done.stderr.decode()}")
            lines = re.findall(r"^ *([\d,]+) \([ \d.]+%\)  \S*?:(.+?)(?: \[.*\])?$", done.stdout.decode(), re.M)
            found = {function: int(digits.replace(",", "")) for digits, function in lines}
            for function, sums in named_sums(profile, default_index(profile)).items():
                if sums[inclusive]:
                    e2e.equal(found.get(function), sums[inclusive], f"{name}: {function}, inclusive: {word}")


def speedscope_bundle():
    """The program in speedscope's npm package, fetched once for a build tree."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        e2e.skip("there is no npm, or no node")
    folder = os.path.join(e2e.BUILD, "tests", "speedscope")
    bundles = os.path.join(folder, "node_modules", "speedscope", "dist", "release", "speedscope-*.js")
    if not glob.glob(bundles):
        os.makedirs(folder, exist_ok=True)
        done = e2e.run(["npm", "install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund",
                        "--omit=dev", "--fetch-retries=1", "--fetch-timeout=20000", SPEEDSCOPE])
        if done.returncode != 0:
            e2e.skip(f"npm does not get {SPEEDSCOPE}: {done.stderr.decode(errors='replace').splitlines()[:1]}")
    return glob.glob(bundles)[0]


def test_speedscope_imports_what_is_written(directory):
    bundle = speedscope_bundle()
    importer = os.path.join(ROOT, "tests", "lib", "speedscope_import.js")
    for name in ("plain", "inlines", "recursion", "several_mappings", "no_symbols", "negative", "columns"):
        path, profile = decoded()[name]
        text = convert(path, "speedscope")
        e2e.equal(text is None, has_negative(profile), f"{name}: refused")
        if text is None:
            continue
        written = os.path.join(directory, name + ".speedscope.json")
        with open(written, "wb") as file:
            file.write(text)
        done = e2e.run(["node", importer, bundle, written])
        e2e.equal(done.returncode, 0, f"{name}: exit of the importer:\n{done.stderr.decode(errors='replace')}")
        found = json.loads(done.stdout)
        e2e.equal(found["view"], default_index(profile), f"{name}: the type that is shown")
        for index, imported in enumerate(found["profiles"]):
            e2e.equal(imported["total"], sum(sample.values[index] for sample in profile.samples), f"{name}: total")
            for function, (flat, cum) in named_sums(profile, index).items():
                e2e.equal(imported["frames"][function], {"self": flat, "total": cum}, f"{name}: {function}")


def test_output_is_whole_or_as_it_was(directory):
    path = os.path.join(directory, "out.speedscope.json")
    with open(path, "wb") as file:
        file.write(b"as it was")
    done = e2e.run([e2e.SIGPROF, "convert", "-o", path, corpus()["negative"]])
    e2e.equal((done.returncode, done.stderr.count(b"\n")), (1, 1), "exit, lines")
    with open(path, "rb") as file:
        e2e.equal(file.read(), b"as it was", "what was there")
    e2e.equal(e2e.run([e2e.SIGPROF, "convert", "-o", path, corpus()["plain"]]).returncode, 0, "exit")
    e2e.equal(e2e.files_in(directory), ["out.speedscope.json"], "files")
    with open(path, "rb") as file:
        e2e.check("profiles" in json.load(file), "no profiles")


def test_zst_is_compressed_by_zstd(directory):
    plain = convert(corpus()["plain"], "proto")
    for name in ("x.pb.zst", "x.pb.gz.zst", "x.zst", "x.folded.zst"):
        path = os.path.join(directory, name)
        done = e2e.run([e2e.SIGPROF, "convert", "-o", path, corpus()["plain"]])
        if b"without libzstd" in done.stderr:
            e2e.skip("sigprof was built without libzstd")
        e2e.equal((done.returncode, done.stderr), (0, b""), "exit of convert")
        with open(path, "rb") as file:
            e2e.equal(file.read(4), b"\x28\xb5\x2f\xfd", f"{name}: its beginning")
        if "folded" not in name:
            e2e.check(convert(path, "proto") == plain, f"{name} is another profile")


def test_formats_are_told_by_name_and_listed(directory):
    listed = e2e.run([e2e.SIGPROF, "convert", "--help"]).stdout.decode()
    for name in (*TEXTS, "pprof", "proto", "legacy"):
        e2e.check(re.search(rf"^  {name} +\S", listed, re.M), f"--help does not list {name}")
    wrong = e2e.run([e2e.SIGPROF, "convert", "-f", "nonsense", corpus()["plain"]])
    e2e.equal((wrong.returncode, b"nonsense" in wrong.stderr), (2, True), "a format that is not there")
    for suffix, beginning in {"folded": b"main;", "callgrind": b"# callgrind format", "json": b'{"version"',
                              "pb.gz": b"\x1f\x8b", "out": b"\x1f\x8b", "firefox.json": b'{"meta"'}.items():
        path = os.path.join(directory, "x." + suffix)
        e2e.equal(e2e.run([e2e.SIGPROF, "convert", "-o", path, corpus()["plain"]]).returncode, 0, suffix)
        with open(path, "rb") as file:
            e2e.check(file.read().startswith(beginning), f"{suffix} is another format")
    types = decoded()["plain"][1].sample_types
    e2e.check(len({convert(corpus()["plain"], "folded", f"--sample-index={name}") for name, _ in types}) == len(types),
              "--sample-index makes no difference")


if __name__ == "__main__":
    e2e.main(globals())
