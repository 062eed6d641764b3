#!/usr/bin/env python3
"""Builds programs with line tables of many kinds, and compares what we read in them with what libdw does.

usage: test_lines.py COMPARE_LINES SOURCE_DIRECTORY

Skipped (exit 77) where nothing can be built.
"""

import glob
import os
import shutil
import subprocess
import sys
import tempfile

N = 5000
WAYS = (("-gdwarf-4",), ("-gdwarf-5",), ("-g", "-ffunction-sections", "-Wl,--gc-sections", "-fuse-ld=lld"))
# Each linker marks the rows of code that it throws away in its own way.
C_WAYS = (("-gdwarf-2",), ("-gdwarf-3",), ("-gdwarf-5", "-gsplit-dwarf"), ("-g", "-gz=zlib"), ("-g", "-O3", "-flto"),
          ("-g", "-fdebug-prefix-map=/=x/"), ("-g", "-ffunction-sections", "-Wl,--gc-sections"),
          ("-g", "-ffunction-sections", "-Wl,--gc-sections", "-fuse-ld=gold"))
PROGRAMS = (("gcc", "many_inlined.c", C_WAYS + WAYS), ("clang", "many_inlined.c", C_WAYS + WAYS),
            ("g++", "many_inlined_cpp.cc", WAYS), ("clang++", "many_inlined_cpp.cc", WAYS))
RUST = """
use std::collections::HashMap;
fn main() {
    let seen: HashMap<String, usize> = std::env::args().enumerate().map(|(i, text)| (text, i)).collect();
    println!("{seen:?}");
}
"""
GO = """
package main

import "fmt"

func main() { fmt.Println("x") }
"""


def run(*command, cwd):
    try:
        done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    except OSError:
        return False
    return done.returncode == 0


def built_of_c(directory, sources):
    for compiler, source, ways in PROGRAMS:
        for way in ways:
            path = os.path.join(directory, "program")
            if run(compiler, "-O2", *way, "-o", path, os.path.join(sources, source), cwd=directory):
                yield f"{compiler} {' '.join(way)}", path


def built_of_others(directory):
    for name, text, command in (("main.rs", RUST, ("rustc", "-g", "-O", "-o", "program", "main.rs")),
                                ("main.go", GO, ("go", "build", "-o", "program", "main.go"))):
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write(text)
        if shutil.which(command[0]) and run(*command, cwd=directory):
            yield command[0], os.path.join(directory, "program")


def installed():
    """The debug data of the C library, where they are installed; the largest file is libc's."""
    found = glob.glob("/usr/lib/debug/.build-id/*/*.debug")
    if found:
        path = max(found, key=os.path.getsize)
        yield path, path


def main():
    compare_lines, sources = sys.argv[1:]
    n = n_failed = 0
    with tempfile.TemporaryDirectory() as directory:
        for programs in (built_of_c(directory, sources), built_of_others(directory), installed()):
            for title, path in programs:
                done = subprocess.run([compare_lines, path, str(N)], stdout=subprocess.PIPE, text=True, check=False)
                print(f"{'FAIL' if done.returncode else 'ok  '} {title}: {done.stdout.strip()}")
                n += 1
                n_failed += done.returncode != 0
    if n == 0:
        print("skipped: nothing can be built here")
        sys.exit(77)
    print(f"{n} programs, {n_failed} failed")
    sys.exit(n_failed > 0)


if __name__ == "__main__":
    main()
