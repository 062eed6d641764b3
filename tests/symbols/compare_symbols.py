#!/usr/bin/env python3
"""Compares the names that sigprof gives to a file's code with those of llvm-symbolizer: function, file, line, inlined calls.

usage: compare_symbols.py NAME_ADDRESSES FILE [--random N] [--share PERCENT] [--show N] [--seed N]

Looks at the first byte of each function and at N random addresses within functions. An address agrees when all
frames agree: their number, and in each the function's linkage name (or an alias), the file (as a normal path) and
the line. Of those that do, the columns and the functions' start lines are compared, too. Exit: 0 when PERCENT agree
either way, 1 when not, 77 when there is no llvm-symbolizer.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import typing


class Frame(typing.NamedTuple):
    name: str
    file: str
    line: int
    column: int
    start_line: int

    def place(self):
        return self.name, self.file, self.line


def functions_of(path):
    """(start, size) of the functions in the symbol table, by nm."""
    for options in (["-S", "--defined-only"], ["-S", "-D", "--defined-only"]):
        out = subprocess.run(["nm", *options, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             text=True, check=False).stdout
        found = set()
        for line in out.splitlines():
            words = line.split()
            if len(words) >= 4 and words[2] in "tTwWi" and int(words[1], 16) > 0:
                found.add((int(words[0], 16), int(words[1], 16)))
        if found:
            return sorted(found)
    return []


def random_addresses(functions, n, seed):
    """n addresses, some perhaps the same, as if each byte of a function were as likely as any."""
    chosen = random.Random(seed)
    places = chosen.choices(functions, weights=[size for _, size in functions], k=n) if functions else []
    return [start + chosen.randrange(size) for start, size in places]


def addresses_of(path, n_random, seed, functions=None):
    functions = functions or functions_of(path)
    return sorted({start for start, _ in functions} | set(random_addresses(functions, n_random, seed)))


def normal(file):
    return os.path.normpath(file) if file not in ("", "??") else "??"


def run(command, addresses):
    text = "".join(f"{a:#x}\n" for a in addresses)
    return subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True).stdout


def ask(name_addresses, path, addresses):
    """A list of frames for each address, innermost first."""
    result = []
    for block in run([name_addresses, "--names", path], addresses).split("\n\n"):
        lines = block.strip("\n").split("\n")
        found = []
        for start_line, name, place in zip(lines[1::4], lines[2::4], lines[3::4]):
            file, line, column = place.rsplit(":", 2)
            found.append(Frame(name.split("@")[0], normal(file), int(line), int(column), int(start_line)))
        if lines != [""]:
            result.append(found or [Frame("??", "??", 0, 0, 0)])
    return result


def ask_llvm(path, addresses):
    """The same by llvm-symbolizer."""
    command = ["llvm-symbolizer", "--inlines", "--no-demangle", "--output-style=JSON", f"--obj={path}"]
    answers = [json.loads(line)["Symbol"] for line in run(command, addresses).splitlines()]
    return [[Frame(one["FunctionName"].split("@")[0] or "??", normal(one["FileName"]), one["Line"], one["Column"],
                   one["StartLine"]) for one in answer] for answer in answers]


def is_file_symbol(ours, theirs):
    """Without debug data llvm-symbolizer tells the symbol table's file, which is no path, and line 0."""
    return len(ours) == len(theirs) == 1 and ours[0].place() == (theirs[0].name, "??", 0) and theirs[0].line == 0


def aliases_of(path):
    """The address of each symbol: a function may have many names, and which one is told is a choice."""
    result = {}
    for options in ([], ["-D"]):
        out = subprocess.run(["nm", *options, "--defined-only", path], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True, check=False).stdout
        for words in map(str.split, out.splitlines()):
            if len(words) == 3:
                result.setdefault(words[2].split("@")[0], set()).add(int(words[0], 16))
    return result


def agree(ours, theirs, aliases):
    """Whether functions, files and lines do."""
    our_places, their_places = [frame.place() for frame in ours], [frame.place() for frame in theirs]
    if our_places == their_places or is_file_symbol(ours, theirs):
        return True
    if our_places[:-1] != their_places[:-1] or our_places[-1][1:] != their_places[-1][1:]:
        return False
    return bool(aliases.get(ours[-1].name, set()) & aliases.get(theirs[-1].name, set()))


def agree_in_full(ours, theirs):
    """Whether columns and start lines do, where the rest does."""
    return all((x.column, x.start_line) == (y.column, y.start_line) for x, y in zip(ours, theirs))


class Comparison(typing.NamedTuple):
    addresses: list
    different: list  # (address, ours, theirs), in functions, files or lines
    nearly: list  # in columns or start lines alone
    n_with_file: int

    def shares(self):
        n = max(1, len(self.addresses))
        return 100 * (1 - len(self.different) / n), 100 * (1 - len(self.nearly) / n)


def compare(name_addresses, path, addresses, llvm_path=None):
    ours, theirs = ask(name_addresses, path, addresses), ask_llvm(llvm_path or path, addresses)
    if not len(ours) == len(theirs) == len(addresses):
        raise AssertionError(f"{len(ours)} and {len(theirs)} answers to {len(addresses)} addresses")
    aliases = aliases_of(llvm_path or path)
    rows = list(zip(addresses, ours, theirs))
    different = [row for row in rows if not agree(row[1], row[2], aliases)]
    nearly = [row for row in rows if agree(row[1], row[2], aliases) and not agree_in_full(row[1], row[2])]
    return Comparison(addresses, different, nearly, sum(frames[0].file != "??" for frames in ours))


def show(different, n):
    for address, ours, theirs in different[:n]:
        print(f"{address:#x}\n  sigprof: {ours}\n  llvm:    {theirs}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name_addresses")
    parser.add_argument("file")
    parser.add_argument("--random", type=int, default=500)
    parser.add_argument("--share", type=float, default=99.5)
    parser.add_argument("--show", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--symbols", help="the file with the symbol table that addresses are taken from")
    options = parser.parse_args()
    if not shutil.which("llvm-symbolizer"):
        print("skipped: no llvm-symbolizer")
        return 77
    addresses = addresses_of(options.symbols or options.file, options.random, options.seed)
    found = compare(options.name_addresses, options.file, addresses)
    show(found.different + found.nearly, options.show)
    share, full_share = found.shares()
    print(f"{options.file}: {len(addresses)} addresses, {len(found.different)} different, {share:.2f} % agree; "
          f"in columns and start lines {full_share:.2f} %")
    return 0 if addresses and min(share, full_share) >= options.share else 1


if __name__ == "__main__":
    sys.exit(main())
