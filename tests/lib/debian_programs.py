"""Programs and libraries of Debian with their debug data in them, and sources of Debian; for comparisons of names.

What Debian packages has no debug data; that of some is in packages of their own, *-dbg. eu-unstrip puts the two together
again. Nothing is installed, and nothing needs root: it takes the network, apt-get, binutils and elfutils.
"""
import glob
import os
import re
import shutil
import struct
import subprocess
import tempfile
import typing


class Recipe(typing.NamedTuple):
    package: str  # that has the program
    debug: str    # that has its debug data
    path: str     # of the program, in the package


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
    """Fetches a package into the directory and unpacks it there."""
    call(["apt-get", "download", "-q", package], directory, "the programs are those of Debian packages")
    (file,) = glob.glob(os.path.join(directory, package + "_*.deb"))
    call(["dpkg-deb", "-x", file, "."], directory, "it unpacks Debian packages")
    os.remove(file)


def put_together(recipe, path, is_plain):
    """Makes the file `path`. `is_plain`: debug data that Debian compresses is unpacked, as it comes from a compiler."""
    home = os.path.dirname(path)
    os.makedirs(home, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as directory:
        unpack(directory, recipe.package)
        unpack(directory, recipe.debug)
        program = os.path.join(directory, recipe.path)
        build_id = Elf(program).build_id
        debug = os.path.join(directory, f"usr/lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug")
        if not os.path.isfile(debug):
            raise CannotMake(f"{recipe.debug} has no debug data for {recipe.path}")
        if is_plain:
            call(["objcopy", "--decompress-debug-sections", debug, "plain"], directory, "it is of binutils")
            debug = "plain"
        call(["eu-unstrip", "-o", "whole", program, debug], directory, "it is of elfutils")
        os.rename(os.path.join(directory, "whole"), path)


def source_settings(directory):
    """apt-get's options for lists of its own in `directory`, where sources are, too: most systems list packages alone."""
    parts, lists = (os.path.join(directory, name) for name in ("parts", "lists"))
    if not os.path.isdir(lists):
        os.makedirs(parts)
        os.makedirs(os.path.join(lists, "partial"))
        for path in ["/etc/apt/sources.list", *glob.glob("/etc/apt/sources.list.d/*")]:
            if not os.path.isfile(path):
                continue
            with open(path, encoding="utf-8") as file:
                text = file.read()
            if re.search(r"/debian(-security)?/?\s", text):
                text = re.sub(r"^Types:.*", "Types: deb-src", re.sub(r"^deb ", "deb-src ", text, flags=re.M), flags=re.M)
                with open(os.path.join(parts, os.path.basename(path)), "w", encoding="utf-8") as file:
                    file.write(text)
    return ["-o", "Dir::Etc::SourceList=/dev/null", "-o", f"Dir::Etc::SourceParts={parts}", "-o",
            f"Dir::State::Lists={lists}", "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="]


def unpack_source(directory, package):
    """Fetches Debian's source of a package and unpacks it, without Debian's patches, into the directory it returns."""
    lists = os.path.join(directory, ".apt")
    is_new = not os.path.isdir(lists)
    settings = source_settings(lists)
    if is_new:
        call(["apt-get", *settings, "update"], directory, "the sources are those of Debian packages")
    call(["apt-get", *settings, "source", "-q", "--download-only", package], directory, "the sources are Debian's")
    (archive,) = (name for name in glob.glob(os.path.join(directory, "*.orig.tar.*")) if not name.endswith(".asc"))
    place = os.path.join(directory, "source")
    os.mkdir(place)
    call(["tar", "-x", "--strip-components=1", "-f", archive, "-C", place], directory, "it unpacks the source")
    return place
