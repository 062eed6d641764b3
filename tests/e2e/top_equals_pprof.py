#!/usr/bin/env python3
"""`sigprof top` prints what `go tool pprof -top` prints, line for line.

Profiles: real ones (CPU and heap, of a small Go program that is built and run here) and edge cases that are encoded
below: recursion, inlined frames, negative values, no symbols, several mappings, several sample types, odd units.
Each is shown by both commands, with and without -cum and -nodecount, by every Go that is installed.

The Time line is compared by meaning: Go 1.19 writes it in another layout than Go 1.26, which is the one followed.

Environment: SIGPROF is the path of the command. Exit: 0 equal, 1 different, 77 there is no Go to compare with.
"""
import datetime
import glob
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile

SKIP = 77
OPTIONS = [[], ["-cum"], ["-nodecount=5"], ["-nodecount=1"], ["-cum", "-nodecount=3"]]
NEWER_ONLY = {"doc_url", "same_type_twice"}  # Go 1.19 does not know these
OURS = {"-cum": ["--cum"], "-nodecount=5": ["-n", "5"], "-nodecount=1": ["--nodecount=1"], "-nodecount=3": ["-n3"]}

GO_PROGRAM = r"""
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"sort"
	"strings"
	"time"
)

var sink int
var kept [][]byte

func small(i int) int { return i*i ^ i>>3 }

func inlinedLoop(n int) int {
	s := 0
	for i := 0; i < n; i++ {
		s += small(i)
	}
	return s
}

func recurse(n int) int {
	if n == 0 {
		return inlinedLoop(2000)
	}
	return recurse(n-1) + recurse(n-1)/2
}

type list[T any] struct{ items []T }

func (l *list[T]) sorted(less func(a, b T) bool) []T {
	sort.Slice(l.items, func(i, j int) bool { return less(l.items[i], l.items[j]) })
	return l.items
}

func hold(n int) { kept = append(kept, make([]byte, n)) }

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	cpu, err := os.Create(os.Args[1])
	must(err)
	must(pprof.StartCPUProfile(cpu))
	for end := time.Now().Add(700 * time.Millisecond); time.Now().Before(end); {
		sink += recurse(6)
		l := &list[string]{strings.Split(strings.Repeat("b a d c ", 500), " ")}
		sink += len(l.sorted(func(a, b string) bool { return a < b }))
		sink += len(fmt.Sprint(sink, l.items[:20]))
	}
	pprof.StopCPUProfile()
	must(cpu.Close())
	runtime.MemProfileRate = 512
	for i := 0; i < 3000; i++ {
		hold(i * 7)
	}
	runtime.GC()
	heap, err := os.Create(os.Args[2])
	must(err)
	must(pprof.Lookup("heap").WriteTo(heap, 0))
	must(heap.Close())
}
"""


class Profile:
    """Encodes a profile.proto. Frames are given as names; the rest is made up."""

    def __init__(self, types, **header):
        self.strings = {"": 0}
        self.types = types
        self.header = header
        self.samples, self.mappings, self.locations, self.functions = [], [], [], []
        self.function_ids, self.location_ids = {}, {}

    def string(self, text):
        return self.strings.setdefault(text, len(self.strings))

    def mapping(self, file, start=0x400000, build_id="", has_functions=True):
        n = len(self.mappings) + 1
        self.mappings.append(message((1, n), (2, start), (3, start + 0x100000), (5, self.string(file)),
                                     (6, self.string(build_id)), (7, int(has_functions))))
        return n

    def function(self, name, system_name=None, start_line=0):
        key = (name, system_name, start_line)
        if key not in self.function_ids:
            n = self.function_ids[key] = len(self.functions) + 1
            system = name if system_name is None else system_name
            self.functions.append(message((1, n), (2, self.string(name)), (3, self.string(system)),
                                          (4, self.string("/src/" + name + ".c")), (5, start_line)))
        return self.function_ids[key]

    def location(self, frame, mapping=1):
        """A frame: a name, names that are inlined (innermost first), function ids, or () for no symbol."""
        frame = (frame,) if isinstance(frame, str) else tuple(frame)
        key = (frame, mapping)
        if key not in self.location_ids:
            n = self.location_ids[key] = len(self.locations) + 1
            ids = [self.function(f) if isinstance(f, str) else f for f in frame]
            lines = [(4, message((1, i), (2, 10 * n + at))) for at, i in enumerate(ids)]
            self.locations.append(message((1, n), (2, mapping), (3, 0x400000 + 16 * n), *lines))
        return self.location_ids[key]

    def sample(self, values, *stack, labels=(), mapping=1):
        """Leaf first. A frame is what location() takes, or an id that it gave."""
        ids = [f if isinstance(f, int) else self.location(f, mapping) for f in stack]
        marks = [(3, message((1, self.string(k)), (2, self.string(v)))) for k, v in labels]
        self.samples.append(message((1, packed(ids)), (2, packed(values)), *marks))

    def encode(self):
        types = [(1, message((1, self.string(t)), (2, self.string(u)))) for t, u in self.types]
        comments = [(13, self.string(c)) for c in self.header.get("comments", [])]
        default = [(14, self.string(self.header.get("default", ""))), (15, self.string(self.header.get("doc", "")))]
        fields = types + [(2, s) for s in self.samples] + [(3, m) for m in self.mappings]
        fields += [(4, x) for x in self.locations] + [(5, f) for f in self.functions]
        fields += [(6, s.encode()) for s in self.strings]
        fields += [(9, self.header.get("time", 0)), (10, self.header.get("duration", 0))] + comments + default
        return message(*fields)


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def packed(values):
    return b"".join(varint(v) for v in values)


def message(*fields):
    out = bytearray()
    for number, value in fields:
        if isinstance(value, int):
            if value:
                out += varint(number << 3) + varint(value)
        else:
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return bytes(out)


CPU = [("samples", "count"), ("cpu", "nanoseconds")]


def cpu_profile(**header):
    header = {"time": 1700000000 * 10**9 + 5, "duration": 10 * 10**9, **header}
    profile = Profile(CPU, **header)
    profile.mapping("/usr/bin/prog", build_id="0123abcd")
    return profile


def plain():
    p = cpu_profile(comments=["a comment", "#not shown"])
    for i in range(40):
        p.sample([i + 1, (i + 1) * 10**7], f"leaf{i:02}", f"mid{i % 7}", "main")
    p.sample([1, 1], "tiny", "main")
    return p


def recursion():
    p = cpu_profile()
    p.sample([3, 30000000], "f", "f", "g", "f", "main")
    p.sample([2, 20000000], "g", "f", "g", "main")
    p.sample([1, 10000000], "main")
    return p


def inlines():
    p = cpu_profile()
    p.sample([30, 300], ("in1", "in2", "caller"), "main")
    p.sample([20, 200], "in1", "caller", "main")
    p.sample([10, 100], ("in3", "in3", "caller"), ("in2", "main"))
    p.sample([5, 50], ("in4", "caller"), "main")
    p.sample([5, 60], ("in4", "caller"), "in4", ("caller", "main"))
    p.sample([1, 1], ("rare", "in1"), "in4", "main")
    p.sample([1, 1], "in3", "caller", "main")
    return p


def inlines_trimmed():
    """The caller of an inlined function is dropped, or lies behind -nodecount."""
    p = cpu_profile()
    for i in range(300):
        p.sample([1, 1000 + i], ("hot", f"wrapper{i:03}"), "main")
    p.sample([1, 500], "hot", "wrapper001", "main")
    p.sample([9, 90000], "other", ("middle", "main"))
    return p


def negative():
    p = cpu_profile()
    p.sample([-3, -30000000], "f", "main")
    p.sample([2, 20000000], "g", "main")
    p.sample([-1, -5], "h", "main")
    p.sample([4, 7], "zero", "main")
    p.sample([-4, -7], "zero", "main")
    return p


def difference():
    p = cpu_profile()
    p.sample([3, 30000000], "f", "main")
    p.sample([-2, -20000000], "f", "main", labels=[("pprof::base", "true")])
    p.sample([-2, -10000000], "g", "main", labels=[("pprof::base", "true")])
    return p


def no_symbols():
    p = Profile(CPU, duration=10**9)
    p.mapping("/usr/bin/stripped-prog", has_functions=False)
    p.mapping("/usr/lib/libfoo.so.1", start=0x7F0000000000, build_id="ff", has_functions=False)
    p.mapping("[vdso]", start=0x7F1000000000, has_functions=False)
    p.mapping("", start=0x7F2000000000, has_functions=False)
    for i in range(6):
        p.sample([1 + i, (1 + i) * 10**6], p.location((), 1 + i % 4), p.location((), 1))
    p.sample([5, 5 * 10**6], p.location((), 0), "named")
    return p


def nameless_functions():
    p = Profile(CPU)
    p.mapping("/opt/x/")
    p.sample([5, 50], (p.function("", "", 3),), "main")
    p.sample([6, 60], (p.function("", "ns::late(int)", 3),), "main")
    return p


def several_mappings():
    p = Profile(CPU, time=-(10**18), duration=1234567)
    p.mapping("/usr/bin/a")
    p.mapping("/usr/bin/b", start=0x500000)
    p.sample([1, 10], p.location("same", 1), p.location("main", 1))
    p.sample([1, 20], p.location("same", 2), p.location("main", 2))
    return p


def long_names():
    p = cpu_profile()
    names = ["std::vector<int, std::allocator<int> >::push_back(int const&)", "ns::f(void (*)(int))::g",
             "ns::op<a>b>", "(anonymous namespace)::f(int)", "main.list[...].sorted", "main.(*list[...]).sorted",
             "java.Class.<init>", "main.(*T).method", "a::b)c(d<e>", "operator()<x>(y)", "ns::operator<(a, b)"]
    for i, name in enumerate(names):
        p.sample([1, 100 + i], name, "main")
    p.sample([9, 99], (p.function("kept<int>(long)", "_Zmangled"),), "main")
    return p


def heap_like():
    p = Profile([("alloc_objects", "count"), ("alloc_space", "bytes"), ("inuse_objects", "count"),
                 ("inuse_space", "bytes")], default="inuse_space")
    p.mapping("/usr/bin/prog")
    for i in range(12):
        p.sample([1, 7 << i, 1, 3 << (2 * i)], f"alloc{i}", "main")
    return p


def with_types(types, values, **header):
    p = Profile(types, **header)
    p.mapping("/usr/bin/prog")
    for i, value in enumerate(values):
        p.sample(value, f"f{i}", "main")
    return p


def encoded_profiles():
    cases = [plain, recursion, inlines, inlines_trimmed, negative, difference, no_symbols, nameless_functions,
             several_mappings, long_names, heap_like]
    for case in cases:
        yield case.__name__, case()
    yield "no_samples", with_types(CPU, [])
    yield "zero_values", with_types(CPU, [[0, 0], [1, 0]], duration=5 * 10**9)
    yield "default_first", with_types(CPU, [[3, 5], [4, 6]], default="samples")
    yield "default_unknown", with_types(CPU, [[3, 5], [4, 6]], default="nonsense")
    yield "doc_url", with_types(CPU, [[3, 5]], doc="https://example.org/profile")
    yield "same_type_twice", with_types([("a", "count"), ("a", "bytes"), ("b", "count"), ("c", "s")], [[1, 2, 3, 4]])
    yield "no_stack", with_types(CPU, [[3, 5]])
    for unit in ["count", "samples", "", "bytes", "kilobytes", "MB", "nanoseconds", "microseconds", "ms", "seconds",
                 "hours", "nanogcu", "GCU", "widgets", "Bytes", "\u00fcnits", "unit", "auto", "minimum"]:
        for top in [3, 1000, 2**40, 2**62]:
            values = [[top], [top // 7], [top // 300], [top // 190]]
            yield f"unit_{unit}_{top}", with_types([("t", unit)], values, duration=123456789012)
    for duration in [1, 999, 10**6, 3600 * 10**9, 7 * 3600 * 10**9, -5]:
        yield f"duration_{duration}", with_types(CPU, [[1, 10**9]], duration=duration)
    huge = 2**63 - 1
    yield "overflow", with_types(CPU, [[1, huge], [1, huge], [1, -huge - 1], [1, 5]], duration=1)


def find_go():
    found = {}
    for go in [shutil.which("go"), *sorted(glob.glob("/usr/local/go/bin/go")), *sorted(glob.glob("/usr/lib/go-*/bin/go"))]:
        if go and os.access(go, os.X_OK):
            found.setdefault(os.path.realpath(go), go)
    return list(found.values())


def is_newer(go, env):
    """Whether this Go is at least the one that is followed."""
    version = re.search(r"go(\d+)\.(\d+)", run([go, "version"], env))
    return version is not None and (int(version[1]), int(version[2])) >= (1, 26)


def pprof_command(go, env):
    """The pprof tool itself where `go tool -n` names it (that saves most of the time), else `go tool pprof`."""
    path = run([go, "tool", "-n", "pprof"], env).strip()
    return [path] if os.access(path, os.X_OK) else [go, "tool", "pprof"]


def environment(directory):
    keep = {k: v for k, v in os.environ.items() if not k.startswith("GO")}
    empty = os.path.join(directory, "empty")
    os.makedirs(empty, exist_ok=True)
    return {**keep, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOPROXY": "off", "GO111MODULE": "on",
            "GOCACHE": os.path.join(directory, "cache"), "GOPATH": os.path.join(directory, "path"), "HOME": empty,
            "PPROF_TMPDIR": empty, "PPROF_BINARY_PATH": empty, "TZ": os.environ.get("TZ", "UTC")}


def run(command, env, cwd=None):
    done = subprocess.run(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=300)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr.decode(errors='replace')}")
    return done.stdout.decode()


def real_profiles(go, directory, env):
    source = os.path.join(directory, "program")
    os.makedirs(source, exist_ok=True)
    for name, text in [("main.go", GO_PROGRAM), ("go.mod", "module program\n\ngo 1.18\n")]:
        with open(os.path.join(source, name), "w", encoding="utf-8") as file:
            file.write(text)
    paths = [os.path.join(directory, name) for name in ("cpu.pb.gz", "heap.pb.gz")]
    run([go, "build", "-o", "program", "."], env, cwd=source)
    run([os.path.join(source, "program"), *paths], env)
    return paths


def write_encoded(directory):
    paths = []
    for i, (name, profile) in enumerate(encoded_profiles()):
        data = profile.encode()
        if i % 2:
            half = len(data) // 2
            data = gzip.compress(data[:half]) + gzip.compress(data[half:])  # two members are one file
        path = os.path.join(directory, re.sub(r"\W", "_", name) + ".pb")
        with open(path, "wb") as file:
            file.write(data)
        paths.append(path)
    return paths


def instant(line):
    """The minute that a Time line means; seconds are not in Go 1.19's."""
    text = re.sub(r"[ (]+[A-Z+\-0-9]+\)?$", "", line[len("Time: "):])
    for layout in ("%Y-%m-%d %H:%M:%S", "%b %d, %Y at %I:%M%p"):
        try:
            return datetime.datetime.strptime(text, layout).replace(second=0)
        except ValueError:
            continue
    return text


def is_same(ours, theirs):
    if len(ours) != len(theirs):
        return False
    for a, b in zip(ours, theirs):
        if a != b and not (a.startswith("Time: ") and b.startswith("Time: ") and instant(a) == instant(b)):
            return False
    return True


def compare(sigprof, pprof, path, options, env):
    theirs = run([*pprof, "-top", *options, path], env).split("\n")
    ours = run([sigprof, "top", *[o for option in options for o in OURS[option]], path], env).split("\n")
    if is_same(ours, theirs):
        return True
    print(f"DIFFERENT: {path} {options} ({' '.join(pprof)})")
    for a, b in zip(ours + [""] * len(theirs), theirs + [""] * len(ours)):
        if a != b:
            print(f"  sigprof: {a}\n  pprof:   {b}")
    return False


def main():
    sigprof, gos = os.environ.get("SIGPROF"), find_go()
    if not sigprof:
        sys.exit("SIGPROF is not set: it is to be the path of the command")
    if not gos:
        print("skipped: there is no go command to compare with")
        return SKIP
    failures = compared = 0
    with tempfile.TemporaryDirectory() as directory:
        env = environment(directory)
        encoded = write_encoded(directory)
        for go in gos:
            pprof, newer = pprof_command(go, env), is_newer(go, env)
            for path in encoded + real_profiles(go, directory, env):
                if not newer and os.path.basename(path).removesuffix(".pb") in NEWER_ONLY:
                    continue
                for options in OPTIONS if "/unit_" not in path else OPTIONS[:1]:
                    compared += 1
                    failures += not compare(os.path.abspath(sigprof), pprof, path, options, env)
    print(f"{compared} reports compared, {failures} different")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
