#!/usr/bin/env python3
"""Compares the names that sigprof gives to a file's code with those of llvm-symbolizer: function, file, line, inlined calls.

usage: compare_symbols.py NAME_ADDRESSES FILE [--random N] [--share PERCENT] [--show N] [--seed N]

Looks at the first byte of each function and at N random addresses within functions. An address agrees when all
frames agree: their number, and in each the function's linkage name (or an alias), the file (as a normal path) and
the line. Exit: 0
when PERCENT of the addresses agree, 1 when not, 77 when there is no llvm-symbolizer.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys


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


def addresses_of(path, n_random, seed, functions=None):
    functions = functions or functions_of(path)
    if not functions:
        return []
    chosen = random.Random(seed)
    places = chosen.choices(functions, weights=[size for _, size in functions], k=n_random)
    return sorted({start for start, _ in functions} | {start + chosen.randrange(size) for start, size in places})


def frames(text):
    """One list of (function, file, line) for each address."""
    result = []
    for block in text.split("\n\n"):
        lines = block.strip("\n").split("\n")
        if lines == [""]:
            continue
        found = []
        for name, place in zip(lines[::2], lines[1::2]):
            file, line = place.rsplit(":", 2)[:2]
            found.append((name.split("@")[0], os.path.normpath(file) if file != "??" else file, int(line)))
        result.append(found)
    return result


def ask(command, addresses):
    text = "".join(f"{a:#x}\n" for a in addresses)
    return frames(subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True).stdout)


def is_file_symbol(ours, theirs):
    """Without debug data llvm-symbolizer tells the symbol table's file, which is no path, and line 0."""
    return len(ours) == len(theirs) == 1 and ours[0] == (theirs[0][0], "??", 0) and theirs[0][2] == 0


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
    if ours == theirs or is_file_symbol(ours, theirs):
        return True
    if ours[:-1] != theirs[:-1] or ours[-1][1:] != theirs[-1][1:]:
        return False
    return bool(aliases.get(ours[-1][0], set()) & aliases.get(theirs[-1][0], set()))


def differences(name_addresses, path, addresses, llvm_path=None):
    ours = ask([name_addresses, path], addresses)
    theirs = ask(["llvm-symbolizer", "--inlines", "--no-demangle", f"--obj={llvm_path or path}"], addresses)
    if not len(ours) == len(theirs) == len(addresses):
        raise AssertionError(f"{len(ours)} and {len(theirs)} answers to {len(addresses)} addresses")
    aliases = aliases_of(llvm_path or path)
    return [(a, x, y) for a, x, y in zip(addresses, ours, theirs) if not agree(x, y, aliases)]


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
    different = differences(options.name_addresses, options.file, addresses)
    show(different, options.show)
    share = 100 * (1 - len(different) / max(1, len(addresses)))
    print(f"{options.file}: {len(addresses)} addresses, {len(different)} different, {share:.2f} % agree")
    return 0 if addresses and share >= options.share else 1


if __name__ == "__main__":
    sys.exit(main())
