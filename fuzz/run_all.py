#!/usr/bin/env python3
"""Runs several fuzz targets at the same time, each as run_fuzz.py does: however many there are, it takes that long.

usage: run_all.py SECONDS PROGRAM_FOLDER TARGET...

A TARGET's program is PROGRAM_FOLDER/fuzz_TARGET, its seeds are made by make_TARGET_corpus.py, beside this script. Exits
with 1 when an input of any target failed, 77 when there is no program.
"""

import os
import subprocess
import sys

SKIP = 77


def start(target, seconds, folder, scripts):
    command = [sys.executable, os.path.join(scripts, "run_fuzz.py"), os.path.join(folder, f"fuzz_{target}"),
               os.path.join(scripts, f"make_{target}_corpus.py"), seconds]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")


def main():
    if len(sys.argv) < 4 or not sys.argv[1].isdigit():
        print(__doc__.strip(), file=sys.stderr)
        return 2
    scripts = os.path.dirname(os.path.abspath(__file__))
    running = [(target, start(target, sys.argv[1], sys.argv[2], scripts)) for target in sys.argv[3:]]
    statuses = set()
    for target, process in running:  # what they print is some lines: none waits for another to be read
        output, _ = process.communicate()
        print(f"== {target}: exit {process.returncode}\n{output}", flush=True)
        statuses.add(process.returncode)
    failed = statuses - {0, SKIP}
    return 1 if failed else SKIP if SKIP in statuses else 0


if __name__ == "__main__":
    sys.exit(main())
