#!/usr/bin/env python3
"""Builds programs with debug data in many ways, and compares their names with those of llvm-symbolizer.

usage: test_symbols.py NAME_ADDRESSES SOURCE_DIRECTORY

Skipped (exit 77) where there is no llvm-symbolizer, or no compiler.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

import compare_symbols

SHARE = 99.5
N_RANDOM = 500
COMPILERS = ("gcc", "clang", "g++", "clang++")
WAYS = (("-gdwarf-4",), ("-gdwarf-5",), ("-gdwarf-5", "-gsplit-dwarf"), ("-gdwarf-4", "-gsplit-dwarf"),
        ("-g", "-gz=zlib"), ("-g", "-O3", "-flto"), ("-g", "-no-pie", "-ffunction-sections", "-Wl,--gc-sections"),
        ("-g1",), ("-g", "-flto=thin", "-fuse-ld=lld"), ("-gdwarf-5", "-fdebug-types-section"),
        ("-gdwarf-5", "-gsplit-dwarf", "-fdebug-types-section"))


def run(*command, cwd):
    """The exit status; also not 0 where there is no such command."""
    try:
        return subprocess.run(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              check=False).returncode
    except OSError:
        return -1


def build(directory, compiler, source, way):
    """The path of the program, or None where this compiler cannot build it so."""
    link = [] if "-no-pie" in way else ["-pie", "-fPIE"]
    done = run(compiler, "-O2", *link, *way, "-Wl,--build-id", "-o", "program", source, cwd=directory)
    return os.path.join(directory, "program") if done == 0 else None


class Tally:
    def __init__(self, name_addresses):
        self.name_addresses = name_addresses
        self.n = self.n_failed = 0

    def compare(self, title, path, reference=None):
        """`reference`: the file that llvm-symbolizer reads, and that addresses are taken from."""
        addresses = compare_symbols.addresses_of(reference or path, N_RANDOM, seed=1)
        found = compare_symbols.compare(self.name_addresses, path, addresses, reference)
        share, full_share = found.shares()
        self.n += 1
        is_good = min(share, full_share) >= SHARE and found.n_with_file > len(addresses) / 2
        print(f"{'ok  ' if is_good else 'FAIL'} {title}: {len(addresses)} addresses, {share:.2f} % agree, in columns "
              f"and start lines {full_share:.2f} %, {found.n_with_file} with a file")
        if not is_good:
            self.n_failed += 1
            compare_symbols.show(found.different[:5] + found.nearly[:5], 10)

    def require(self, condition, what):
        self.n += 1
        if not condition:
            self.n_failed += 1
            print(f"FAIL {what}")


def compare_separate(tally, title, directory, program):
    """The debug data goes to another file, named by a link, in each place where it is looked for."""
    reference = os.path.join(directory, "reference")
    shutil.copy(program, reference)
    run("objcopy", "--only-keep-debug", program, "program.debug", cwd=directory)
    run("objcopy", "--strip-all", "--add-gnu-debuglink=program.debug", program, cwd=directory)
    tally.compare(f"{title}, debuglink", program, reference)
    os.mkdir(os.path.join(directory, ".debug"))
    moved = shutil.move(os.path.join(directory, "program.debug"), os.path.join(directory, ".debug"))
    tally.compare(f"{title}, debuglink to .debug", program, reference)
    # With one byte more its CRC is another: what is not the same file is not used.
    with open(moved, "ab") as file:
        file.write(b"x")
    found = compare_symbols.ask(tally.name_addresses, program, compare_symbols.addresses_of(reference, 0, seed=1))
    tally.require(all(frame.file == "??" for frames in found for frame in frames),
                  f"{title}: a file with another CRC was used")


def compare_packed(tally, title, directory, compiler, source, way):
    """The split debug data of two units goes into a package, each compiler's by the tool of its own project."""
    packer = "llvm-dwp" if "clang" in compiler else "dwp"
    program = os.path.join(directory, "program")
    # What both have weak definitions of has two names, and which one is told is a choice.
    other = [f"-D{name}=other_{name}" for name in ("main", "hot_and_cold", "shapes", "Base", "Derived")]
    for name, flags in ("first.o", ()), ("second.o", other):
        run(compiler, "-O2", *way, *flags, "-c", "-o", name, source, cwd=directory)
    if run(compiler, "-o", program, "second.o", "first.o", cwd=directory) != 0 or run(packer, "-e", program, "-o", f"{program}.dwp", cwd=directory) != 0:
        print(f"     {title}, {packer}: cannot be packed here")
        return
    for name in os.listdir(directory):
        if name.endswith(".dwo"):
            os.remove(os.path.join(directory, name))
    tally.compare(f"{title}, {packer}", program)


def compare_common(tally, title, directory, program):
    """What two programs have in common goes to a third file; then the names of one of them are looked up."""
    if not shutil.which("dwz"):
        print(f"     {title}, dwz: there is no dwz here")
        return
    reference, other = os.path.join(directory, "reference"), os.path.join(directory, "other")
    shutil.copy(program, reference)
    shutil.copy(program, other)
    if run("dwz", "-m", "common.debug", "program", "other", cwd=directory) != 0:
        print(f"     {title}, dwz: cannot be made of such debug data")
        return
    tally.compare(f"{title}, dwz", program, reference)
    found = subprocess.run(["readelf", "-S", program], stdout=subprocess.PIPE, text=True, check=False).stdout
    tally.require(".gnu_debugaltlink" in found, f"{title}, dwz: nothing is in common")


def libc_with_debug_data():
    """The path of the C library, if there is a file with its debug data; else None."""
    path = subprocess.run(["gcc", "-print-file-name=libc.so.6"], stdout=subprocess.PIPE, text=True,
                          check=False).stdout.strip() if shutil.which("gcc") else ""
    if not os.path.isfile(path):
        return None
    notes = subprocess.run(["readelf", "-n", path], stdout=subprocess.PIPE, text=True, check=False).stdout
    found = re.search(r"Build ID: (\w\w)(\w+)", notes)
    return path if found and os.path.isfile(f"/usr/lib/debug/.build-id/{found[1]}/{found[2]}.debug") else None


def main():
    name_addresses, sources = sys.argv[1:]
    compilers = [compiler for compiler in COMPILERS if shutil.which(compiler)]
    if not shutil.which("llvm-symbolizer") or not compilers:
        print("skipped: no llvm-symbolizer, or no compiler")
        return 77
    tally = Tally(name_addresses)
    for compiler in compilers:
        source = os.path.join(sources, "many_inlined_cpp.cc" if "++" in compiler else "many_inlined.c")
        for way in WAYS:
            with tempfile.TemporaryDirectory() as directory:
                title = f"{compiler} {' '.join(way)}"
                program = build(directory, compiler, source, way)
                if not program:
                    print(f"     {title}: cannot be built here")
                    continue
                tally.compare(title, program)
                if "-gsplit-dwarf" in way:
                    compare_packed(tally, title, directory, compiler, source, way)
                if way == ("-gdwarf-4",):
                    compare_common(tally, title, directory, program)
                if way == ("-gdwarf-5",):
                    compare_separate(tally, title, directory, program)
    libc = libc_with_debug_data()
    if libc:
        tally.compare("the C library, by build id", os.path.realpath(libc))
    print(f"{tally.n - tally.n_failed} of {tally.n} agree")
    return 1 if tally.n_failed or tally.n == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
