#!/usr/bin/env python3
"""Writes inputs for fuzz_module: small ELF files with debug data of many kinds, made by the compilers that are there.

usage: make_module_corpus.py FOLDER

Each is a library without a C library, of a few functions that are inlined into each other, linked without gaps between
its segments, so that most of its bytes matter. fuzz_module.c has the layout of an input. What cannot be built here is
left out.
"""

import hashlib
import os
import shutil
import struct
import subprocess
import sys
import tempfile

C_SOURCE = """
extern int outside(int);
typedef struct { int x; } T;
static inline __attribute__((always_inline)) int inner(int x) { return outside(x) * 3 + 1; }
static inline __attribute__((always_inline)) int middle(int x) { return x > 3 ? inner(x) : inner(x + 1) + x; }
static __attribute__((noinline)) int local(int x) { for (int i = 0; i < x; i++) x += middle(i); return x; }
__attribute__((visibility("default"))) int entry(T *t) { return local(t->x) + middle(t->x); }
"""
CPP_SOURCE = """
extern "C" int outside(int);
namespace space {
template <typename T> struct box {
    T x;
    __attribute__((always_inline)) T get() const { auto f = [this](T y) { return outside(int(y)) + x; }; return f(x); }
    __attribute__((noinline)) T put(T y) { x = y; return get(); }
};
}
__attribute__((visibility("default"))) long entry(long x) { space::box<long> b{x}; return b.put(x) + b.get(); }
"""
# Debug data as nobody means it: a function whose origin is itself, one inlined into its own origin, ranges without end.
ODD_SOURCE = """
        .text
        .globl  first
        .type   first, @function
first:  nop; nop; nop; nop
.Lend:  .size   first, .-first
        .section .debug_abbrev,"",@progbits
        .uleb128 1; .uleb128 0x11; .byte 1; .uleb128 0x11; .uleb128 1; .uleb128 0x12; .uleb128 7
        .uleb128 0x10; .uleb128 0x17; .uleb128 0; .uleb128 0
        .uleb128 2; .uleb128 0x2e; .byte 1; .uleb128 0x31; .uleb128 0x13; .uleb128 0x11; .uleb128 1
        .uleb128 0x12; .uleb128 7; .uleb128 0; .uleb128 0
        .uleb128 3; .uleb128 0x1d; .byte 0; .uleb128 0x31; .uleb128 0x13; .uleb128 0x55; .uleb128 0x17
        .uleb128 0; .uleb128 0
        .byte   0
        .section .debug_info,"",@progbits
.Linfo: .long   .Lover-.Lfrom
.Lfrom: .value  4
        .long   0
        .byte   8
        .uleb128 1; .quad first; .quad .Lend-first; .long 0
.Lsub:  .uleb128 2; .long .Lsub-.Linfo; .quad first; .quad .Lend-first
.Lin:   .uleb128 3; .long .Lin-.Linfo; .long 0
        .byte   0; .byte 0
.Lover:
        .section .debug_ranges,"",@progbits
        .quad   -1; .quad first; .quad 0; .quad 2; .quad 1; .quad 0x7fffffffffffffff; .quad 0; .quad 0
        .section .debug_line,"",@progbits
        .long   .Ldone-.Lline
.Lline: .value  4
        .long   .Lprog-.Lhead
.Lhead: .byte   0, 0, 1, 251, 0, 1
        .byte   0
        .asciz  "x.c"
        .uleb128 0x7fffffff; .uleb128 0; .uleb128 0
        .byte   0
.Lprog: .byte   0; .uleb128 9; .byte 2; .quad first
        .byte   3; .sleb128 -7; .byte 1; .byte 2; .uleb128 0x7fffffffffff; .byte 1; .byte 0; .uleb128 1; .byte 1
.Ldone:
"""
LINK = ["-shared", "-fPIC", "-nostdlib", "-Wl,-n", "-Wl,--build-id", "-Wl,-z,norelro", "-Wl,-z,noseparate-code"]
WAYS = {
    "dwarf-5": ["-gdwarf-5"], "dwarf-4": ["-gdwarf-4"], "types": ["-gdwarf-5", "-fdebug-types-section"],
    "unoptimized": ["-gdwarf-5", "-O0"], "sections": ["-gdwarf-4", "-ffunction-sections"],
    "no-symbols": ["-gdwarf-5", "-Wl,-s"], "lines-alone": ["-g1"], "aranges": ["-gdwarf-4", "-gpubnames"],
    "zlib": ["-gdwarf-5", "-gz=zlib"], "lto": ["-gdwarf-5", "-flto"], "plain": ["-fno-asynchronous-unwind-tables"],
    "now": ["-Wl,-z,now", "-fcf-protection"],
}


def run(folder, *command):
    """Whether a command could be run."""
    try:
        return subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def content(folder, name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


class Corpus:
    def __init__(self, folder):
        self.folder = folder
        self.kinds = []

    def add(self, kind, module, companion=b""):
        data = struct.pack("<II", len(module), len(self.kinds)) + module + companion
        with open(os.path.join(self.folder, hashlib.sha1(data).hexdigest()), "wb") as file:
            file.write(data)
        self.kinds.append(kind)


def build(folder, compiler, source, way, output="module"):
    return run(folder, compiler, "-O2", *LINK, f"-fdebug-prefix-map={folder}=.", *way, "-o", output, source)


def add_split(corpus, folder, compiler, source, version):
    """Split debug data, in its own file and packed."""
    flags = ["-O2", "-fPIC", "-gsplit-dwarf", f"-gdwarf-{version}", f"-fdebug-prefix-map={folder}=."]
    if run(folder, compiler, *flags, "-c", "-o", "companion.o", source) and \
            run(folder, compiler, *LINK, "-o", "module", "companion.o") and \
            os.path.exists(os.path.join(folder, "companion.dwo")):
        module = content(folder, "module")
        corpus.add(f"{compiler} split {version}", module, content(folder, "companion.dwo"))
        for packer in "dwp", "llvm-dwp":
            if run(folder, packer, "-o", "packed", "companion.dwo"):
                corpus.add(f"{compiler} packed {version}", module, content(folder, "packed"))
                break


def add_separate(corpus, folder, compiler, source):
    """The debug data goes to another file, as it is and in what dwz takes out; names go to .gnu_debugdata."""
    if not build(folder, compiler, source, ["-gdwarf-4"], "whole") or \
            not run(folder, "objcopy", "--only-keep-debug", "whole", "module.debug"):
        return
    run(folder, "objcopy", "--strip-all", "--add-gnu-debuglink=module.debug", "whole", "module")
    corpus.add(f"{compiler} debuglink", content(folder, "module"), content(folder, "module.debug"))
    shutil.copy(os.path.join(folder, "module.debug"), os.path.join(folder, "mini"))
    run(folder, "objcopy", "--strip-debug", "mini")
    for check in "none", "crc32":
        if run(folder, "xz", "-k", "-f", f"--check={check}", "mini") and \
                run(folder, "objcopy", "--strip-all", "--add-section=.gnu_debugdata=mini.xz", "whole", "module"):
            corpus.add(f"{compiler} minidebuginfo", content(folder, "module"))
    for name in "one", "two":
        shutil.copy(os.path.join(folder, "whole"), os.path.join(folder, name))
    if run(folder, "dwz", "-m", "companion.alt", "-M", "companion.alt", "one", "two"):
        corpus.add(f"{compiler} dwz", content(folder, "one"), content(folder, "companion.alt"))
    if run(folder, "objcopy", "--compress-debug-sections=zlib-gnu", "whole", "old"):
        corpus.add(f"{compiler} zdebug", content(folder, "old"))


def fill(corpus, folder):
    for name, text in ("c.c", C_SOURCE), ("cpp.cc", CPP_SOURCE), ("odd.s", ODD_SOURCE):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    for compiler, source in ("gcc", "c.c"), ("clang", "c.c"), ("g++", "cpp.cc"), ("clang++", "cpp.cc"):
        for kind, way in WAYS.items():
            if build(folder, compiler, source, way):
                corpus.add(f"{compiler} {kind}", content(folder, "module"))
        for version in 4, 5:
            add_split(corpus, folder, compiler, source, version)
        add_separate(corpus, folder, compiler, source)
    if build(folder, "gcc", "odd.s", []):
        corpus.add("odd", content(folder, "module"))
    # A header alone, and nothing: what is the first byte that matters?
    corpus.add("header", b"\x7fELF\x02\x01\x01" + bytes(57))
    corpus.add("nothing", b"")


def main():
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    os.makedirs(sys.argv[1], exist_ok=True)
    corpus = Corpus(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="sigprof-corpus-") as folder:
        fill(corpus, folder)
    print(f"{len(corpus.kinds)} inputs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
