#!/usr/bin/env python3
"""Runs a libFuzzer target for some time from a fresh seed corpus.

usage: run_fuzz.py PROGRAM CORPUS_SCRIPT SECONDS [FOLDER]

FOLDER (default: one that is deleted afterwards) gets `seeds`, `found` (inputs that reach something new: kept from run to
run) and, where an input fails, the input, which is printed too. Without a FOLDER every run begins alike, as a test should;
with one it goes elsewhere each time. Exits with 0 when no input failed, 77 when there is no PROGRAM.
"""

import base64
import os
import subprocess
import sys
import tempfile
import zlib

INPUT_SECONDS = 60  # a longer one is a hang: usual are microseconds, but a busy machine may stop for seconds
TAIL_LINES = 40


def run(program, corpus_script, seconds, folder, seed=0):
    """`seed` 0: libFuzzer takes another each time."""
    seeds, found = os.path.join(folder, "seeds"), os.path.join(folder, "found")
    os.makedirs(found, exist_ok=True)
    made = subprocess.run([sys.executable, corpus_script, seeds], capture_output=True, text=True, check=False)
    print(f"seeds: {made.stdout.strip() or made.stderr.strip() or 'none'}", flush=True)
    os.makedirs(seeds, exist_ok=True)
    command = [program, f"-max_total_time={seconds}", f"-timeout={INPUT_SECONDS}", f"-artifact_prefix={folder}/",
               "-print_final_stats=1", "-use_value_profile=1", f"-seed={seed}", found, seeds]
    fuzzer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                            check=False)
    lines = fuzzer.stdout.splitlines()
    if fuzzer.returncode != 0:
        print("\n".join(lines[-TAIL_LINES:]))
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    print(f"{name}: base64 -d | pigz -dz: {base64.b64encode(zlib.compress(file.read(), 9)).decode()}")
        return 1
    print("\n".join(line for line in lines if " cov: " in line and ("INITED" in line or "DONE" in line)
                    or line.startswith("stat::")))
    return 0


def main():
    if len(sys.argv) not in (4, 5) or not sys.argv[3].isdigit():
        print(__doc__.strip(), file=sys.stderr)
        return 2
    program, corpus_script, seconds = sys.argv[1:4]
    if not os.path.isfile(program):
        print("clang cannot link with -fsanitize=fuzzer here (Debian: libclang-rt-VERSION-dev)")
        return 77
    if len(sys.argv) == 5:
        os.makedirs(sys.argv[4], exist_ok=True)
        return run(program, corpus_script, int(seconds), sys.argv[4])
    with tempfile.TemporaryDirectory(prefix="sigprof-fuzz-") as folder:
        return run(program, corpus_script, int(seconds), folder, seed=1)


if __name__ == "__main__":
    sys.exit(main())
