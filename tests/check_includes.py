#!/usr/bin/env python3
"""Checks who includes whom, and how files are called.

usage: check_includes.py [ROOT]

A sample goes one way: signal, handler, collector, profile, symbolize and formats, report. What comes earlier knows
nothing of what comes later. The table MAY_INCLUDE is that rule; CONTRIBUTING.md says it in words. Only direct
includes count: whoever is allowed a header is allowed what that header needs.
"""

import os
import re
import sys

# Layer -> the layers whose headers it may include. A layer may always include itself.
MAY_INCLUDE = {
    "handler": set(),
    "util": set(),
    "profile": {"util"},
    "session": {"handler", "util"},
    "collector": {"handler", "profile", "util"},
    "symbolize": {"profile", "util"},
    "select": {"profile", "util"},
    "formats": {"profile", "util"},
    "report": {"profile", "select", "util"},
    "library": {"session", "collector", "profile", "symbolize", "formats", "util", "include"},
    "gperftools": {"handler", "library", "session", "collector", "profile", "formats", "util", "include"},
    "cgo": {"handler", "collector", "profile", "symbolize", "util", "include"},
    "preload": {"handler", "session"},
    "cli": {"session", "collector", "profile", "symbolize", "formats", "select", "report", "util", "include"},
    "include": set(),
    "examples": {"include"},
}

# Where a layer may use only some headers of another: the collector reads what the handler wrote, it does not call it.
ONLY = {("collector", "handler"): {"handler/segment.h", "handler/order.h"}}

# The handler and everything it includes: types and constants, nothing that has to be linked.
HANDLER_SYSTEM = re.compile(
    r"(stdint|stddef|stdbool|stdatomic|stdalign|limits|signal|ucontext|time|elf|link|dlfcn|sys/ucontext|asm/unistd"
    r"|linux/\w+)\.h")

# Each name is a folder at the root of the tree; "src" has one folder per layer.
FOLDERS = ["src", "include", "preload", "cli", "examples", "bench", "fuzz", "tests"]
SEARCHED = ["src", "include", "cli"]
FREE = {"bench", "fuzz", "tests"}  # these look into everything

C_FILE = re.compile(r".+\.(c|h|S|cc|cpp)$")
NAMED_FILE = re.compile(r".+\.(c|h|S|cc|cpp|py)$")
SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\.[A-Za-z]+")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def files(root):
    """All files of the tree that are named by its rules, relative to root, sorted."""
    for folder in FOLDERS:
        for directory, subdirectories, names in os.walk(os.path.join(root, folder)):
            subdirectories[:] = sorted(d for d in subdirectories if not d.startswith((".", "__pycache__", "build")))
            for name in sorted(names):
                if NAMED_FILE.fullmatch(name):
                    yield os.path.relpath(os.path.join(directory, name), root)


def layer_of(path):
    """The layer of a file, relative to root; None for what the rules do not know."""
    parts = path.split(os.sep)
    if parts[0] == "src":
        return parts[1] if len(parts) > 2 else None
    return parts[0]


def resolve(root, path, name):
    """The file of the tree that `#include "name"` in `path` means, or None."""
    for folder in [os.path.dirname(path), *SEARCHED]:
        candidate = os.path.normpath(os.path.join(folder, name))
        if os.path.isfile(os.path.join(root, candidate)):
            return candidate
    return None


def check_include(root, path, layer, quote, name):
    """What is wrong with one include, or None."""
    target = resolve(root, path, name) if quote == '"' or name.startswith("sigprof/") else None
    if target is None:
        if quote == '"':
            return None if layer in FREE else f'"{name}" is not in the tree; write <{name}> for a system header'
        if layer == "handler" and not HANDLER_SYSTEM.fullmatch(name):
            return f"the handler may not include <{name}>: it is freestanding"
        return None
    other = layer_of(target)
    if not target.endswith(".h"):
        return f"{name} is not a header"
    if layer in FREE or other == layer:
        return None
    if other not in MAY_INCLUDE[layer]:
        allowed = ", ".join(sorted(MAY_INCLUDE[layer])) or "nothing"
        return f"{layer} may not include {other} ({name}); it may include itself and {allowed}"
    only = ONLY.get((layer, other))
    if only is not None and name not in only:
        return f"{layer} may include only {', '.join(sorted(only))} of {other}, not {name}"
    return None


def check(root):
    """All faults of the tree at root, one text each, and the number of files looked at."""
    faults, first, count = [], {}, 0
    for path in files(root):
        count += 1
        name = os.path.basename(path)
        if not SNAKE_CASE.fullmatch(name) and name != "__init__.py":
            faults.append(f"{path}: the name is not snake_case")
        if name in first:
            faults.append(f"{path}: {first[name]} has the same name")
        first.setdefault(name, path)
        if not C_FILE.fullmatch(name):
            continue
        layer = layer_of(path)
        if layer not in MAY_INCLUDE and layer not in FREE:
            faults.append(f"{path}: no rule for this folder; add it to MAY_INCLUDE")
            continue
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                match = INCLUDE.match(line)
                fault = match and check_include(root, path, layer, match.group(1), match.group(2))
                if fault:
                    faults.append(f"{path}:{number}: {fault}")
    return faults, count


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    faults, count = check(root)
    for fault in faults:
        print(fault)
    if not count:
        print(f"{root}: no source files")
    if faults or not count:
        return 1
    print(f"includes: {count} files keep the rules")
    return 0


if __name__ == "__main__":
    sys.exit(main())
