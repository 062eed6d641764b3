"""Large C++ programs for the benchmark of names, each one file with its debug data, from Debian's packages.

What is made stays in $BUILD/large, which is some hundred MB; it takes seconds, and what the network takes for 100 to 300
MB.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "lib"))
from debian_programs import CannotMake, Elf, Recipe, put_together  # noqa: E402,F401  the line above finds it

JVM = "usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so"
RECIPES = {
    "ceph-mds": Recipe("ceph-mds", "ceph-mds-dbg", "usr/bin/ceph-mds"),
    "libjvm": Recipe("openjdk-17-jre-headless", "openjdk-17-dbg", JVM),
}


def make(name):
    """The path of the program, made if it is not there."""
    path = os.path.join(os.environ["BUILD"], "large", name)
    if not os.path.exists(path):
        put_together(RECIPES[name], path, is_plain=True)
    return path


def describe(name, path):
    """What it is, for the benchmark's output."""
    elf = Elf(path)
    what = f"{name}, of Debian's {RECIPES[name].package} and {RECIPES[name].debug}" if name in RECIPES else path
    return (f"{what}: {elf.debug_bytes() / 1e6:.0f} MB of uncompressed .debug_* sections, "
            f"{elf.sections['.text'][2] / 1e6:.1f} MB of code")
