#!/usr/bin/env python3
"""Makes a corpus of profiles in a folder: by real producers (producers.py) and by hand (edge_cases.py, legacy.py).

usage: make_corpus.py FOLDER [--made-only] [--go-cache FOLDER]

Environment: SIGPROF is the command that records; without it, its own recordings are left out. The last file that is
written is corpus.json: for each profile its name, its file, the file that comparisons take as its base, and whether
local programs and libraries would give it names that are not in it.
"""
import argparse
import gzip
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lib"))

import edge_cases  # noqa: E402  these need the paths above
import legacy  # noqa: E402
import producers  # noqa: E402

# What a profile is compared with; others take themselves.
BASES = {"go_cpu": "sigprof_c.pb.gz", "go_heap": "go_allocs.pb.gz", "go_allocs": "go_heap.pb.gz",
         "go_mutex": "go_block.pb.gz", "go_block": "go_mutex.pb.gz", "sigprof_c": "sigprof_perl.pb.gz",
         "legacy_32_big": "legacy_64_little.prof", "plain": "wide.pb", "one_type": "plain.pb", "gperf": "gperf.prof",
         "heap_like": "go_heap.pb.gz", "recursion": "plain.pb", "labels_text": "samples_alike.pb"}
CPU_BASE = "recursion.pb"


def write(folder, name, data):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)
    return name


def write_made(folder):
    for i, (name, profile) in enumerate(edge_cases.all_cases()):
        data = profile.encode()
        if i % 2:  # two members are one file
            half = len(data) // 2
            data = gzip.compress(data[:half], mtime=0) + gzip.compress(data[half:], mtime=0)
        is_cpu = profile.types == edge_cases.CPU
        yield {"name": name, "file": write(folder, name + ".pb", data), "base": CPU_BASE if is_cpu else name + ".pb",
               "has_local_names": False}
    for name, data in legacy.all_cases():
        file = write(folder, name + ".prof", data)
        yield {"name": name, "file": file, "base": file, "has_local_names": True}


def make(folder, go_cache, is_made_only=False):
    """Returns what corpus.json has, and why profiles are missing."""
    os.makedirs(folder, exist_ok=True)
    entries = list(write_made(folder))
    missing = []
    if not is_made_only:
        files, missing = producers.all_profiles(folder, go_cache)
        for file in files:
            name = file.split(".")[0]
            entries.append({"name": name, "file": file, "base": file, "has_local_names": not name.startswith("go_")})
    there = {entry["file"] for entry in entries}
    for entry in entries:
        base = BASES.get(entry["name"], entry["base"])
        entry["base"] = base if base in there else entry["file"]
    with open(os.path.join(folder, "corpus.json"), "w", encoding="utf-8") as file:
        json.dump(entries, file, indent=1)
    return entries, missing


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--made-only", action="store_true", help="no real producers")
    parser.add_argument("--go-cache", help="Go's build cache (default: in FOLDER)")
    asked = parser.parse_args()
    folder = os.path.abspath(asked.folder)
    cache = os.path.abspath(asked.go_cache or os.path.join(folder, "go-cache"))
    entries, missing = make(folder, cache, asked.made_only)
    for why in missing:
        print(f"left out: {why}", file=sys.stderr)
    print(f"{len(entries)} profiles in {folder}")


if __name__ == "__main__":
    main()
