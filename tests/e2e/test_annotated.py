#!/usr/bin/env python3
"""`sigprof list` and `disasm` against `go tool pprof`, on programs in C and Go: lines, addresses and values.

The instructions' texts are another disassembler's, and pprof cuts a routine's last byte off: see docs/pprof.md.
"""

import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402

GO = """package main

import (
\t"os"
\t"runtime/pprof"
)

//go:noinline
func fill(m map[int]int, n int) int {
\ts := 0
\tfor i := 0; i < n; i++ {
\t\tm[i%512] += inlined(i)
\t\ts += i
\t}
\treturn s
}

func inlined(i int) int { return i/7 + i*3 }

func main() {
\tpprof.StartCPUProfile(os.Stdout)
\tm := map[int]int{}
\tfor i := 0; i < 60; i++ {
\t\tfill(m, 300000)
\t}
\tpprof.StopCPUProfile()
}
"""
ROW = re.compile(r"\s*(\S+)\s+(\S+)\s+([0-9a-f]+): ")


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=e2e.TIMEOUT_S).stdout


def go_profile(directory):
    """The profile of a Go program that is position-independent; its source is in the directory."""
    source, program, profile = (os.path.join(directory, name) for name in ("a.go", "a", "a.pb.gz"))
    with open(source, "w", encoding="utf-8") as file:
        file.write(GO)
    subprocess.run(["go", "build", "-buildmode=pie", "-o", program, source], check=True, timeout=e2e.TIMEOUT_S)
    with open(profile, "wb") as file:
        subprocess.run([program], check=True, stdout=file, timeout=e2e.TIMEOUT_S)
    return profile


def c_profile(directory):
    profile = os.path.join(directory, "c.pb.gz")
    output(e2e.SIGPROF, "record", "-o", profile, os.path.join(e2e.TARGETS, "hot"), "main", "300")
    return profile


def routines(text):
    """{name: [its line of sums, (flat, cum, address), ...]}"""
    found, rows = {}, None
    for line in text.splitlines():
        if line.startswith("ROUTINE"):
            rows = found.setdefault(line.split("= ", 1)[1], [])
        elif rows is not None and (match := ROW.match(line)):
            rows.append(match.groups())
        elif rows is not None and "(flat, cum)" in line:
            rows.append(line)
    return found


def compare(profile, name):
    pprof = output("go", "tool", "pprof", f"-list={name}", profile)
    e2e.equal(output(e2e.SIGPROF, "list", name, profile), pprof, "list")
    theirs = routines(output("go", "tool", "pprof", f"-disasm={name}", profile))
    ours = routines(output(e2e.SIGPROF, "disasm", name, profile))
    e2e.check(theirs, f"pprof disassembles {name}")
    e2e.equal(set(ours), set(theirs), "routines")
    for routine, rows in ours.items():
        n = min(len(rows), len(theirs[routine])) - 1
        e2e.check(n > 2, f"{routine} has instructions")
        e2e.equal(rows[:n], theirs[routine][:n], routine)


def need_tools():
    for tool in ("go", "objdump"):
        if not shutil.which(tool):
            e2e.skip(f"{tool} is not installed")


def test_go_program_equals_pprof(directory):
    need_tools()
    compare(go_profile(directory), r"main\.fill")


def test_c_program_equals_pprof(directory):
    need_tools()
    compare(c_profile(directory), "hot_")


def test_json_has_the_same_values(directory):
    need_tools()
    profile = c_profile(directory)
    for report, rows in (("list", "lines"), ("disasm", "instructions")):
        got = json.loads(output(e2e.SIGPROF, report, "--json", "^hot", profile))
        for routine in got["routines"]:
            e2e.equal(sum(row["flat"] for row in routine[rows]), routine["flat"], f"{report}'s flat")


if __name__ == "__main__":
    e2e.main(globals())
