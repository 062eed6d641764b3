"""Programs and libraries with debug data, whose names script/compare-names looks at.

Some are Debian's, put together with the debug data that Debian packages for them: the work of other people's builds, with
link-time optimisation, profiles, split functions, dwz. Others are built here, of Debian's sources, by other compilers.
"""
import os
import shutil
import sys
import tempfile
import typing

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import debian_programs  # noqa: E402
from debian_programs import CannotMake, Recipe  # noqa: E402

LIBRARY = "usr/lib/x86_64-linux-gnu/"


class Packaged(typing.NamedTuple):
    """A program of a package; its debug data stays compressed, as Debian has it."""
    name: str
    what: str
    recipe: Recipe

    def make(self, path):
        debian_programs.put_together(self.recipe, path, is_plain=False)


class Built(typing.NamedTuple):
    """A program of a source package, or of a file here, by one command of the shell in its directory; $OUT: the result."""
    name: str
    what: str
    source: str
    command: str

    def make(self, path):
        compiler = self.command.split()[0]
        if not shutil.which(compiler):
            raise CannotMake(f"{compiler} is not installed")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as directory:
            is_here = os.path.isfile(os.path.join(HERE, self.source))
            place = HERE if is_here else debian_programs.unpack_source(directory, self.source)
            made = os.path.join(directory, "made")
            debian_programs.call(["sh", "-c", self.command.replace("$OUT", made)], place, "it builds")
            os.rename(made, path)


CORPUS = [
    Packaged("libc.so.6", "C, assembly; gcc", Recipe("libc6", "libc6-dbg", "lib/x86_64-linux-gnu/libc.so.6")),
    Packaged("ld-linux-x86-64.so.2", "C, assembly; gcc",
             Recipe("libc6", "libc6-dbg", "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")),
    Packaged("libm.so.6", "C; gcc", Recipe("libc6", "libc6-dbg", "lib/x86_64-linux-gnu/libm.so.6")),
    Packaged("libbfd", "C; gcc, LTO, dwz", Recipe("libbinutils", "libbinutils-dbg", LIBRARY + "libbfd-2.40-system.so")),
    Packaged("python3.11", "C; gcc, LTO, profile", Recipe("python3.11-minimal", "python3.11-dbg", "usr/bin/python3.11")),
    Packaged("libdb-5.3", "C; gcc", Recipe("libdb5.3", "libdb5.3-dbg", LIBRARY + "libdb-5.3.so")),
    Packaged("libcupt4", "C++; gcc", Recipe("libcupt4-2", "cupt-dbg", "usr/lib/libcupt4.so.2")),
    Packaged("libitpp", "C++; gcc", Recipe("libitpp8v5", "libitpp8v5-dbg", LIBRARY + "libitpp.so.8.2.1")),
    Packaged("ceph-mds", "C++17; gcc", Recipe("ceph-mds", "ceph-mds-dbg", "usr/bin/ceph-mds")),
    Packaged("libjvm", "C++; gcc", Recipe("openjdk-17-jre-headless", "openjdk-17-dbg",
                                          "usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so")),
    Built("zlib", "C; gcc -O2", "zlib", "gcc -O2 -g -fPIC -shared -DHAVE_UNISTD_H -o $OUT *.c"),
    Built("zstd", "C; clang -O2", "libzstd",
          "clang -O2 -g -DXXH_NAMESPACE=ZSTD_ -DZSTD_DISABLE_ASM -Ilib -Ilib/common -o $OUT programs/*.c lib/common/*.c "
          "lib/compress/*.c lib/decompress/*.c lib/dictBuilder/*.c -lpthread"),
    Built("lua5.4", "C; gcc -O3 -flto", "lua5.4",
          "gcc -O3 -g -flto -DLUA_USE_LINUX -o $OUT $(ls src/*.c | grep -v luac.c) -lm -ldl"),
    Built("re2", "C++; clang++ -O2", "re2",
          "clang++ -O2 -g -std=c++14 -I. -fPIC -shared -o $OUT $(ls re2/*.cc) util/rune.cc util/strutil.cc -lpthread"),
    Built("fmt", "C++; g++ -O2, DWARF 4", "fmtlib",
          "g++ -O2 -gdwarf-4 -std=c++17 -Iinclude -fPIC -shared -o $OUT src/format.cc src/os.cc"),
    Built("many_inlined.rs", "Rust; rustc -O", "many_inlined.rs", "rustc -C opt-level=2 -g -o $OUT many_inlined.rs"),
]
