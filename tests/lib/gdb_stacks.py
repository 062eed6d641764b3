"""Two stacks for each of many random moments of a program: gdb's, and ours by tests/targets/walk_agent.c.

gdb runs tests/lib/gdb_moments.py, which writes a line of JSON for each moment; this side starts it and compares.
"""

import collections
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

import wild_programs

SECONDS_PER_MOMENT, SECONDS_AT_LEAST = 2, 60  # a hang, not a measure of speed


class Unavailable(Exception):
    """There is nothing to compare here; the text is why."""


class Result:
    """.differences: {what differs first: [moments]}; .unsteady: moments where our own walks differed."""

    def __init__(self):
        self.moments = self.equal = self.frames = self.unsteady = 0
        self.differences = collections.defaultdict(list)

    def add(self, moment):
        self.moments += 1
        self.frames += len(moment["gdb"])
        self.unsteady += not moment["steady"]
        if moment["ours"] == moment["gdb"]:
            self.equal += 1
        else:
            self.differences[first_difference(moment)].append(moment)


def first_difference(moment):
    """The function after whose frame the two stacks part, and how."""
    ours, theirs = moment["ours"], moment["gdb"]
    same = 0
    while same < min(len(ours), len(theirs)) and ours[same] == theirs[same]:
        same += 1
    last = moment["functions"][same - 1] if same else "the leaf"
    if same == len(ours):
        return f"ours ends ({moment['end']}) behind {last}, gdb's goes on"
    if same == len(theirs):
        return f"gdb's ends ({moment['gdb_end']}) behind {last}, ours goes on"
    return f"the caller of {last} differs"


def can_trace():
    """None, or why a debugger cannot hold a program here."""
    if shutil.which("gdb") is None:
        return "gdb is not installed"
    done = subprocess.run(["gdb", "-nx", "-batch", "-ex", "set startup-with-shell off", "-ex", "starti", "/bin/true"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if "Program stopped" not in done.stdout:
        return f"gdb cannot trace: {(done.stderr or done.stdout).strip().splitlines()[-1:]}"
    return None


def compare(name, agent, moments):
    why = can_trace()
    if why:
        raise Unavailable(why)
    with tempfile.TemporaryDirectory(prefix="sigprof-gdb-") as directory:
        try:
            program = wild_programs.find(name, directory)
        except wild_programs.Missing as missing:
            raise Unavailable(missing) from missing
        job = {"agent": agent, "moments": moments, "python": sys.executable,
               "output": os.path.join(directory, "moments.json")}
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "gdb_moments.py")
        command = ["gdb", "-nx", "-batch", "-q", "-ex", "set debuginfod enabled off", "-ex",
                   "set auto-load off", "-x", script, "--args", "/bin/sh",
                   wild_programs.write(directory, "once.sh", f"exec {shlex.join(program.once)}\n")]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, errors="replace", cwd=directory, check=False,
                              env={**os.environ, "GDB_MOMENTS": json.dumps(job)},
                              timeout=SECONDS_AT_LEAST + SECONDS_PER_MOMENT * moments)
        result = Result()
        if os.path.exists(job["output"]):
            with open(job["output"], encoding="utf-8") as file:
                for line in file:
                    result.add(json.loads(line))
        if result.moments < moments:
            raise Unavailable(f"{result.moments} of {moments} moments: {done.stderr[-2000:]}")
        return result
