#!/usr/bin/env python3
"""The handler with another C library: it compiles with musl, and walks the stacks of musl's programs.

usage: test_musl.py ROOT
Programs are built linked dynamically and statically, without frame pointers and with.
"""
import glob
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile

COMPILER = "musl-gcc"
SKIP = 77
FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-fasynchronous-unwind-tables"]
# As src/handler/meson.build has them.
HANDLER_FLAGS = ["-ffreestanding", "-fno-builtin", "-fno-stack-protector", "-fno-tree-loop-distribute-patterns",
                 "-fno-jump-tables", "-fcf-protection=none", "-mgeneral-regs-only", "-fno-plt"]
# musl's own compilers make .eh_frame_hdr unless told otherwise; musl-gcc, a wrapper, does not.
LINKS = {"dynamic": ["-Wl,--eh-frame-hdr"], "dynamic, no .eh_frame_hdr": [],
         "static": ["-static", "-Wl,--eh-frame-hdr"], "static, no .eh_frame_hdr": ["-static"]}
FRAMES = {"without frame pointers": ["-fomit-frame-pointer"], "with frame pointers": ["-fno-omit-frame-pointer"]}


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def kernel_headers(directory):
    """musl has none of its own: those that the other C library's compiler finds, and nothing else of that one's."""
    found = run("cc", "-E", "-x", "c", "-", input="#include <linux/types.h>\n#include <asm/unistd.h>\n")
    include = os.path.join(directory, "include")
    os.mkdir(include)
    for name in ("linux", "asm", "asm-generic"):
        path = re.search(rf'^# \d+ "(/.*/{name})/[^/"]+"', found, re.MULTILINE)
        if path:
            os.symlink(path[1], os.path.join(include, name))
    return ["-idirafter", include]


def compile_handler(root, directory, flags):
    """The handler's objects, and the session's that lists the loaded ones: musl has no _dl_find_object."""
    sources = {path: HANDLER_FLAGS for path in sorted(glob.glob(os.path.join(root, "src/handler/*.c")))}
    sources[os.path.join(root, "src/session/object_list.c")] = []
    objects = []
    for path, more in sources.items():
        objects.append(os.path.join(directory, os.path.basename(path) + ".o"))
        run(COMPILER, *FLAGS, *more, *flags, "-c", path, "-o", objects[-1])
    return objects


def main():
    root = sys.argv[1]
    if not shutil.which(COMPILER):
        print(f"skip: there is no {COMPILER}; script/bootstrap --all installs it")
        sys.exit(SKIP)
    with tempfile.TemporaryDirectory() as directory:
        flags = [f"-I{os.path.join(root, 'src')}", *kernel_headers(directory)]
        objects = compile_handler(root, directory, flags)
        program = os.path.join(directory, "walk_self")
        for (link, link_flags), (frames, frame_flags) in itertools.product(LINKS.items(), FRAMES.items()):
            run(COMPILER, *FLAGS, *flags, *frame_flags, os.path.join(root, "tests/musl/walk_self.c"), *objects,
                *link_flags, "-o", program)
            print(f"{link}, {frames}: {run(program).strip()}", flush=True)


main()
