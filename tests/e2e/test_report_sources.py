#!/usr/bin/env python3
"""One profile gives one report, however it comes: from a file or stdin, plain, in gzip or zstd, read again from a
format that it was converted to, merged beforehand or by the report itself.

The profiles are those of tests/corpus that are made by hand. Those that are refused are refused each time.
"""
import functools
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402

ROOT = e2e.ROOT or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
ALL = ["--nodecount=0", "--nodefraction=0"]
# Where `top` of folded stacks has other names or sums, and why.
NOT_FOLDED = {
    **dict.fromkeys(["no_symbols", "no_mappings", "mapping_kinds", "legacy_no_maps"], "frames without names"),
    **dict.fromkeys(["drop_frames", "drop_frames_only"], "all frames are written; reports drop some"),
    **dict.fromkeys(["system_names", "filtered_names"], "a name without a system name is shortened"),
    "long_names": "a tab separates nothing, and is a blank",
    "empty_stacks": "the stack without frames has a name", "same_type_twice": "which of the types is the default",
}


@functools.lru_cache(maxsize=None)
def corpus():
    """The paths of the profiles, by name."""
    folder = tempfile.TemporaryDirectory(prefix="sigprof-corpus-")
    maker = os.path.join(ROOT, "tests", "corpus", "make_corpus.py")
    e2e.equal(e2e.run([sys.executable, maker, folder.name, "--made-only"]).returncode, 0, "exit of make_corpus.py")
    with open(os.path.join(folder.name, "corpus.json"), encoding="utf-8") as file:
        found = {item["name"]: os.path.join(folder.name, item["file"]) for item in json.load(file)}
    corpus.keep = folder
    e2e.check(len(found) >= 50, f"only {len(found)} profiles")
    return found


def report(name, *arguments, data=None):
    """(exit, what is shown)."""
    done = subprocess.run([e2e.SIGPROF, name, *arguments], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False, timeout=e2e.TIMEOUT_S)
    e2e.check(done.returncode in (0, 1), f"{name} {arguments}: exit {done.returncode}\n{done.stderr.decode()}")
    return done.returncode, done.stdout.decode(errors="surrogateescape")


def unpacked(path):
    with open(path, "rb") as file:
        data = file.read()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def packings(data, directory):
    """The same bytes in other ways."""
    half = len(data) // 2
    yield "plain", data
    yield "gzip", gzip.compress(data, 1)
    yield "gzip in two members", gzip.compress(data[:half]) + gzip.compress(data[half:])
    if shutil.which("zstd"):
        path = os.path.join(directory, "data")
        with open(path, "wb") as file:
            file.write(data)
        yield "zstd", subprocess.run(["zstd", "-qc1", path], stdout=subprocess.PIPE, check=True).stdout


def test_stdin_and_compression_change_nothing(directory):
    for name, path in corpus().items():
        wanted = report("raw", path)
        for packing, data in packings(unpacked(path), directory):
            e2e.equal(report("raw", "-", data=data), wanted, f"{name} on stdin, {packing}")
    other = os.path.join(directory, "no.ending")
    wanted = report("top", corpus()["wide"])
    for packing, data in packings(unpacked(corpus()["wide"]), directory):
        with open(other, "wb") as file:
            file.write(data)
        e2e.equal(report("top", other), wanted, f"a file, {packing}")


def test_profile_formats_are_read_back(directory):
    for name, path in corpus().items():
        for format_name in ("pprof", "proto"):
            written = os.path.join(directory, "written")
            if report("convert", "-f", format_name, "-o", written, path)[0] == 0:
                e2e.equal(report("top", written), report("top", path), f"{name} as {format_name}")
                e2e.equal(report("raw", written), report("raw", path), f"{name} as {format_name}")


def values(text):
    """{name: (flat, cum)} of `top --json`, without what has neither."""
    return {row["name"]: (row["flat"], row["cum"]) for row in json.loads(text)["rows"] if row["flat"] or row["cum"]}


def test_folded_stacks_give_the_same_top(directory):
    compared = 0
    for name, path in corpus().items():
        written = os.path.join(directory, "written.folded")
        is_written = name not in NOT_FOLDED and report("convert", "-f", "folded", "-o", written, path)[0] == 0
        if not is_written or os.path.getsize(written) == 0:
            continue
        (status, plain), (_, folded) = (report("top", *ALL, "--json", file) for file in (path, written))
        e2e.equal(status, 0, f"exit of top {name}")
        e2e.equal(values(folded), values(plain), name)
        compared += 1
    e2e.check(compared >= 30, f"only {compared} profiles were compared")


def test_merged_beforehand_or_by_the_report(directory):
    """Pairs of neighbours: those whose types do not fit are refused both ways."""
    names, n_merged = list(corpus()), 0
    for pair in zip(names, names[1:] + names[:1]):
        paths = [corpus()[name] for name in pair]
        merged = os.path.join(directory, "merged.pb.gz")
        is_merged = report("merge", "-o", merged, *paths)[0] == 0
        n_merged += is_merged
        for options in (["top"], ["traces"], ["raw"]):
            wanted = report(*options, merged) if is_merged else (1, "")
            e2e.equal(report(*options, *paths), wanted, f"{options} of {pair}")
    e2e.check(n_merged >= 20, f"only {n_merged} pairs were merged")


if __name__ == "__main__":
    e2e.main(globals())
