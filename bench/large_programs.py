"""Large C++ programs in one piece with their debug data, for the benchmark of names, made from Debian's packages.

A program of Debian comes without debug data; a few packages, *-dbg, have it. eu-unstrip puts the two together again. The
compressed sections are unpacked before, as a compiler leaves them. What is made stays in $BUILD/large, which is some
hundred MB; it takes seconds and what the network takes for 100 to 300 MB, and no root.
"""
import glob
import os
import shutil
import struct
import subprocess
import tempfile
import typing

JVM = "usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so"


class Recipe(typing.NamedTuple):
    package: str  # that has the program
    debug: str    # that has its debug data
    path: str     # of the program, in the package


RECIPES = {
    "ceph-mds": Recipe("ceph-mds", "ceph-mds-dbg", "usr/bin/ceph-mds"),
    "libjvm": Recipe("openjdk-17-jre-headless", "openjdk-17-dbg", JVM),
}


class CannotMake(Exception):
    """No network, another distribution, another CPU: the message says what failed."""


class Elf:
    """The sections and segments of a 64-bit little-endian ELF file."""

    def __init__(self, path):
        with open(path, "rb") as file:
            head = file.read(64)
            if head[:6] != b"\x7fELF\2\1":
                raise CannotMake(f"{path} is no 64-bit little-endian ELF file")
            phoff, shoff = struct.unpack_from("<QQ", head, 32)
            phnum, _, shnum, shstrndx = struct.unpack_from("<HHHH", head, 56)
            file.seek(phoff)
            self.segments = list(struct.iter_unpack("<IIQQQQQQ", file.read(56 * phnum)))
            file.seek(shoff)
            headers = list(struct.iter_unpack("<IIQQQQIIQQ", file.read(64 * shnum)))
            file.seek(headers[shstrndx][4])
            names = file.read(headers[shstrndx][5])
            self.sections = {}  # name: (address, offset, size)
            for header in headers:
                name = names[header[0]:names.index(b"\0", header[0])].decode()
                self.sections[name] = header[3:6]
            self.build_id = self._read_build_id(file)

    def _read_build_id(self, file):
        _, offset, size = self.sections[".note.gnu.build-id"]
        file.seek(offset)
        return file.read(size)[16:].hex()

    def debug_bytes(self):
        return sum(size for name, (_, _, size) in self.sections.items() if name.startswith(".debug_"))

    def code_segment(self):
        """(offset, address, size) of the segment that is executable."""
        for kind, flags, offset, address, _, size, *_ in self.segments:
            if kind == 1 and flags & 1:
                return offset, address, size
        raise CannotMake("no executable segment")


def call(command, cwd, needs):
    if not shutil.which(command[0]):
        raise CannotMake(f"{command[0]} is not installed: {needs}")
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise CannotMake(f"{' '.join(command)}: {(done.stdout.splitlines() or ['failed'])[-1]}")


def unpack(directory, package):
    """Fetches a package into the directory and unpacks it there. Nothing is installed."""
    call(["apt-get", "download", "-q", package], directory, "the programs are those of Debian packages")
    (file,) = glob.glob(os.path.join(directory, package + "_*.deb"))
    call(["dpkg-deb", "-x", file, "."], directory, "it unpacks Debian packages")
    os.remove(file)


def put_together(directory, recipe):
    unpack(directory, recipe.package)
    unpack(directory, recipe.debug)
    program = os.path.join(directory, recipe.path)
    build_id = Elf(program).build_id
    debug = os.path.join(directory, f"usr/lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug")
    if not os.path.isfile(debug):
        raise CannotMake(f"{recipe.debug} has no debug data for {recipe.path}")
    call(["objcopy", "--decompress-debug-sections", debug, "plain"], directory, "it is of binutils")
    call(["eu-unstrip", "-o", "whole", program, "plain"], directory, "it is of elfutils")
    return os.path.join(directory, "whole")


def make(name):
    """The path of the program, made if it is not there."""
    home = os.path.join(os.environ["BUILD"], "large")
    path = os.path.join(home, name)
    if not os.path.exists(path):
        os.makedirs(home, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as directory:
            os.rename(put_together(directory, RECIPES[name]), path)
    return path


def describe(name, path):
    """What it is, for the benchmark's output."""
    elf = Elf(path)
    return (f"{os.path.basename(path)}, of Debian's {RECIPES[name].package} and {RECIPES[name].debug}" if name in RECIPES
            else path) + (f": {elf.debug_bytes() / 1e6:.0f} MB of uncompressed .debug_* sections, "
                          f"{elf.sections['.text'][2] / 1e6:.1f} MB of code")
