#!/usr/bin/env python3
"""What names cost: addresses of a program with more than 200 MB of debug data, beside addr2line and others.

usage: bench_names.py [ROUNDS [PROGRAM...]]     PROGRAM: a name of large_programs.py, or a file with debug data

Aims, of medians and 50 000 addresses: `sigprof symbolize` is ten times faster than addr2line and `go tool pprof`, and
three times faster than llvm-symbolizer; and it needs no more memory than the least of them.

The addresses are random ones of .text, each once, in no order. addr2line and llvm-symbolizer read them from a pipe;
pprof and sigprof have them in a profile without names, and print a table, or write a profile with names. All take
turns. pprof walks a whole unit for each address: it has one turn, which ends after LIMIT seconds, and then its time is
"more than". So there is a second table, of 500 addresses. The program is in the page cache. A peak is that of the
largest process; the pages of the program that are mapped count.
"""
import multiprocessing
import operator
import os
import random
import shutil
import subprocess
import sys
import tempfile

import bench_tools
import large_programs

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "lib"))
import pprof  # noqa: E402
import pprof_make  # noqa: E402

SIZES = (50_000, 500)
BASE = 0x555555554000  # where the kernel puts a program without randomization
LIMIT = 30
DEFAULT, LARGE = ["ceph-mds"], ["libjvm"]
OURS, LLVM, ADDR2LINE = "sigprof symbolize", "llvm-symbolizer --inlines", "addr2line -i -f"
PPROF = "go tool pprof -symbolize=local -top"
TIMES_FASTER = {LLVM: 3, ADDR2LINE: 10, PPROF: 10}
WALL, CPU, PEAK = map(operator.attrgetter, ("wall", "cpu", "peak"))


def elsewhere(function, *arguments):
    """Calls it in another process: the peak that the kernel tells of a command is never below its parent's memory."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(function, arguments)


def count_named(profile):
    return sum(bool(location.lines) for location in pprof.read(profile).locations)


class Question:
    """The same addresses as lines for a pipe, and as a profile; and where the answers go."""

    def __init__(self, directory, path, n):
        self.directory, self.path, self.n = directory, path, n
        elsewhere(self.write)

    def write(self):
        path, n = self.path, self.n
        elf = large_programs.Elf(path)
        start, _, size = elf.sections[".text"]
        addresses = random.Random(1).sample(range(start, start + size), n)
        with open(self.file("addresses"), "w", encoding="ascii") as file:
            file.writelines(f"{address:#x}\n" for address in addresses)
        offset, start, size = elf.code_segment()
        mapping = (BASE + start, BASE + start + size, offset)
        with open(self.file("profile"), "wb") as file:
            file.write(pprof_make.of_addresses(path, elf.build_id, mapping, [BASE + address for address in addresses]))

    def file(self, name):
        return os.path.join(self.directory, name)

    def by_pipe(self, answers, *command):
        return ["env", f"ANSWERS={self.file(answers)}", "sh", "-c", 'cat "$0" | "$@" >"$ANSWERS"',
                self.file("addresses"), *command]

    def commands(self):
        """Of what is installed."""
        found = {OURS: [os.environ["SIGPROF"], "symbolize", "-f", "-o", self.file(OURS), self.file("profile")]}
        if shutil.which("llvm-symbolizer"):
            found[LLVM] = self.by_pipe(LLVM, "llvm-symbolizer", "--inlines", f"--obj={self.path}")
        if shutil.which("addr2line"):
            found[ADDR2LINE] = self.by_pipe(ADDR2LINE, "addr2line", "-i", "-f", "-e", self.path)
        if shutil.which("go"):
            found[PPROF] = ["go", "tool", "pprof", "-symbolize=local", "-top", "-output", self.file(PPROF),
                            self.file("profile")]
        return found

    def n_named(self, title):
        """How many of the addresses got a name, where that can be told of the answers."""
        if title == PPROF:
            return ""
        if title == OURS:
            return elsewhere(count_named, self.file(title))
        with open(self.file(title), encoding="utf-8", errors="replace") as file:
            return self.n - sum(line.rstrip() == "??" for line in file)


def take_turns(commands, rounds):
    """{name: [Run of each round]}."""
    results = {name: [] for name in commands}
    for i in range(rounds):
        for name in commands if i % 2 == 0 else reversed(commands):
            if name != PPROF:
                results[name].append(bench_tools.run(commands[name]))
            elif i == 0:
                results[name].append(bench_tools.run(["timeout", str(LIMIT), *commands[name]], accepted=(0, 124)))
    return results


def warm_up(path):
    """Into the page cache; and Go builds its pprof when it is asked for the first time."""
    with open(path, "rb") as file:
        while file.read(1 << 20):
            pass
    if shutil.which("go"):
        subprocess.run(["go", "tool", "pprof", "-h"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def median_of(results, title, which):
    return bench_tools.median(map(which, results[title]))


def at_least(results, title):
    """What is before a time that ended by the limit."""
    return "≥ " if title == PPROF and WALL(results[title][0]) >= LIMIT else ""


def print_results(question, results):
    rows = []
    for title, runs in results.items():
        more = at_least(results, title)
        wall = more + (bench_tools.quartiles(list(map(WALL, runs)), "%.2f") if len(runs) > 1 else f"{WALL(runs[0]):.2f}")
        rows.append([title, wall, f"{more}{median_of(results, title, CPU):.2f}",
                     f"{more}{median_of(results, title, PEAK):.0f}", question.n_named(title)])
    bench_tools.print_table([f"{question.n} addresses", "wall s", "CPU s", "peak MiB", "named"], rows)


def print_verdicts(results):
    others = [title for title in results if title != OURS]
    for title in others:
        ratio, aim = median_of(results, title, WALL) / median_of(results, OURS, WALL), TIMES_FASTER[title]
        found = "met" if ratio >= aim else "not known" if at_least(results, title) else "NOT met"
        print(f"times faster than {title}: {at_least(results, title)}{ratio:.1f}, aim ≥ {aim}: {found}")
    share = median_of(results, OURS, PEAK) / min(median_of(results, title, PEAK) for title in others)
    print(f"peak memory to that of the least of them: {share:.2f}, aim ≤ 1: {'met' if share <= 1 else 'NOT met'}")


def compare(path, rounds):
    warm_up(path)
    all_results = []
    for n in SIZES:
        with tempfile.TemporaryDirectory() as directory:
            question = Question(directory, path, n)
            all_results.append(take_turns(question.commands(), rounds))
            print()
            print_results(question, all_results[-1])
    print()
    if len(all_results[0]) > 1:
        print_verdicts(all_results[0])


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    programs = sys.argv[2:] or DEFAULT + (LARGE if os.environ.get("BENCH_LARGE_NAMES") else [])
    bench_tools.print_machine()
    print(f"{rounds} rounds; medians, in brackets the quartiles")
    for name in programs:
        try:
            path = large_programs.make(name) if name in large_programs.RECIPES else os.path.abspath(name)
            print(f"\n{large_programs.describe(name, path)}")
            compare(path, rounds)
        except large_programs.CannotMake as error:
            print(f"\n{name} is left out: {error}")


main()
