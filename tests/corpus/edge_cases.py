"""Profiles that are encoded by hand: what real producers write seldom, and reports have rules about.

Each function is one profile, named as it is. all_cases() gives (name, Profile).
"""
from pprof_encode import Profile

CPU = [("samples", "count"), ("cpu", "nanoseconds")]
MS = 10**6
BIG = 2**63 - 1


def cpu_profile(**header):
    header = {"time": 1700000000 * 10**9 + 5, "duration": 10 * 10**9, **header}
    profile = Profile(CPU, **header)
    profile.mapping("/usr/bin/prog", build_id="0123abcd")
    return profile


def with_types(types, values, **header):
    p = Profile(types, **header)
    p.mapping("/usr/bin/prog")
    for i, value in enumerate(values):
        p.sample(value, f"f{i}", "main")
    return p


def plain():
    p = cpu_profile(comments=["a comment", "#not shown"], period_type=("cpu", "nanoseconds"), period=10 * MS)
    for i in range(40):
        p.sample([i + 1, (i + 1) * 10 * MS], f"leaf{i:02}", f"mid{i % 7}", "main")
    p.sample([1, 1], "tiny", "main")
    return p


def recursion():
    p = cpu_profile()
    p.sample([3, 30 * MS], "f", "f", "g", "f", "main")
    p.sample([2, 20 * MS], "g", "f", "g", "main")
    p.sample([4, 40 * MS], "f", "f", "f", "f", "f", "main")
    p.sample([1, 10 * MS], "main")
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


def residual_edges():
    """Chains whose middle is small alone, so that edges pass over what is trimmed."""
    p = cpu_profile()
    for i in range(150):
        p.sample([10, 10 * MS], f"leaf{i % 9}", f"small{i:03}", f"tiny{i:03}", f"mid{i % 4}", "main")
    p.sample([1, 5], "leaf1", "never", "main")
    p.sample([100, 100 * MS], "mid1", "main")
    return p


def negative():
    p = cpu_profile()
    p.sample([-3, -30 * MS], "f", "main")
    p.sample([2, 20 * MS], "g", "main")
    p.sample([-1, -5], "h", "main")
    p.sample([4, 7], "zero", "main")
    p.sample([-4, -7], "zero", "main")
    return p


def difference():
    p = cpu_profile()
    p.sample([3, 30 * MS], "f", "main")
    p.sample([7, 70 * MS], "new", "main")
    p.sample([-2, -20 * MS], "f", "main", labels=[("pprof::base", "true")])
    p.sample([-2, -10 * MS], "g", "main", labels=[("pprof::base", "true")])
    return p


def no_symbols():
    p = Profile(CPU, duration=10**9)
    p.mapping("/usr/bin/stripped-prog", has_functions=False)
    p.mapping("/usr/lib/libfoo.so.1", start=0x7F0000000000, build_id="ff", has_functions=False, offset=0x1000)
    p.mapping("[vdso]", start=0x7F1000000000, has_functions=False)
    p.mapping("", start=0x7F2000000000, has_functions=False)
    for i in range(6):
        p.sample([1 + i, (1 + i) * MS], p.location((), 1 + i % 4), p.location((), 1))
    p.sample([5, 5 * MS], p.location((), 0), "named")
    return p


def no_mappings():
    p = Profile(CPU, duration=10**9)
    p.sample([3, 30], p.location("f", 0), p.location("main", 0))
    p.sample([2, 20], p.location((), 0, address=0x1234), p.location("main", 0))
    p.sample([2, 20], p.location((), 0, address=BIG * 2), p.location("main", 0))
    return p


def nameless_functions():
    p = Profile(CPU)
    p.mapping("/opt/x/")
    p.sample([5, 50], (p.function("", "", 3),), "main")
    p.sample([6, 60], (p.function("", "ns::late(int)", 3),), "main")
    p.sample([7, 70], (p.function("", "", 3, "/src/only_a_file.c"),), "main")
    return p


def several_mappings():
    p = Profile(CPU, time=-(10**18), duration=1234567)
    p.mapping("/usr/bin/a")
    p.mapping("/usr/lib/b.so", start=0x500000, build_id="bb")
    p.mapping("/usr/lib/unused.so", start=0x700000, build_id="cc")
    p.sample([1, 10], p.location("same", 1), p.location("main", 1))
    p.sample([1, 20], p.location("same", 2, address=0x500010), p.location("main", 2, address=0x500020))
    p.sample([1, 30], p.location("only_b", 2, address=0x500030), p.location("main", 1))
    return p


def several_files():
    """One function name in several files, several lines and addresses of one function."""
    p = cpu_profile()
    for i in range(4):
        init = p.function("init", file=f"/src/deep/dir{i % 3}/init.c")
        for line in range(3):
            leaf = p.location((init,), address=0x401000 + 64 * i + 4 * line, lines=(100 + line // 2,))
            p.sample([1 + i, (1 + i) * (1 + line) * MS], leaf, "main")
    p.sample([1, MS], (p.function("init", file=""),), "main")
    p.sample([2, 2 * MS], (p.function("init", file="init.c"),), "main")
    p.sample([2, 2 * MS], (p.function("gen", file="/build/work/gen.c"),), (p.function("gen", file="/build/gen.c"),),
             "main")
    return p


def columns():
    p = cpu_profile()
    for i in range(4):
        p.sample([1, (1 + i) * MS], p.location("f", lines=(10,), columns=(1 + 7 * (i // 2),), address=0x401000 + i),
                 p.location("main", lines=(20,), columns=(3 + i,), address=0x402000 + i))
    return p


def folded_locations():
    p = cpu_profile()
    p.sample([3, 30], p.location("icf_a", is_folded=True), "main")
    p.sample([4, 40], p.location("icf_b", is_folded=True), p.location("main"))
    return p


def system_names():
    """Names beside their linker's names: alike, mangled, and functions that differ in that alone."""
    p = cpu_profile()
    p.sample([3, 30], (p.function("ns::f", "_ZN2ns1fEi"),), "main")
    p.sample([4, 40], (p.function("ns::f", "_ZN2ns1fEd"),), "main")
    p.sample([5, 50], (p.function("_ZN2ns1gEi"),), "main")
    p.sample([6, 60], (p.function("_RNvC6_123foo3bar"),), "main")
    p.sample([7, 70], (p.function("kept<int>(long)", "_Zmangled"),), "main")
    p.sample([8, 80], (p.function("f", start_line=1),), (p.function("f", start_line=9),), "main")
    return p


def long_names():
    p = cpu_profile()
    names = ["std::vector<int, std::allocator<int> >::push_back(int const&)", "ns::f(void (*)(int))::g",
             "ns::op<a>b>", "(anonymous namespace)::f(int)", "main.list[...].sorted", "main.(*list[...]).sorted",
             "java.Class.<init>", "main.(*T).method", "a::b)c(d<e>", "operator()<x>(y)", "ns::operator<(a, b)",
             "core::ptr::drop_in_place<alloc::string::String>", "<T as core::fmt::Debug>::fmt",
             "github.com/user/project/v2/pkg.(*Type[go.shape.int]).Method.func1.2", "main.init.0", "go:itab.*x,y",
             "com.example.Outer$Inner.method", "java.util.stream.ReferencePipeline$3$1.accept",
             "std::__1::__function::__func<Lambda, std::allocator<Lambda>, void ()>::operator()()",
             "a_function_with_a_very_long_name_that_goes_on_" * 4, "spaces in a name", "quote\"back\\slash",
             "tab\there"]
    for i, name in enumerate(names):
        p.sample([1, 100 + i], name, "main")
    return p


def filtered_names():
    """What is matched is the name that is shown, and no file has a part of it."""
    p = cpu_profile()
    main = (p.function("main", file="/x.c"),)
    names = [("f(int)", None), ("v<int>::g", None), ("", "ns::h(int)"), ("k<int>(int)", "_Z1k"), ("", "_ZN2ns1gEi"),
             ("", "only_system")]
    for i, (name, system) in enumerate(names):
        p.sample([1, 10 + i], (p.function(name, system, 3, "/x.c"),), main)
    return p


def utf8_names():
    p = cpu_profile(comments=["ein Kommentar: äöü", "コメント"])
    p.sample([3, 30], "größe", "主函数")
    p.sample([4, 40], "Ünïcödé::λ<π>", "主函数",
             labels=[("größe", "süß"), ("鍵", "値"), ("länge", 7, "µs")])
    p.sample([5, 50], "emoji😀", "e\u0301 combined", labels=[("größe", "süß")])
    return p


def labels_text():
    p = cpu_profile()
    p.sample([5, 50 * MS], "get", "handler", "main", labels=[("method", "GET"), ("user", "alice")])
    p.sample([4, 40 * MS], "post", "handler", "main", labels=[("method", "POST"), ("user", "alice")])
    p.sample([3, 30 * MS], "get", "handler", "main", labels=[("method", "GET"), ("user", "bob"), ("zone", "eu=west,1")])
    p.sample([2, 20 * MS], "gc", "main")
    p.sample([1, 10 * MS], "get", "handler", "main", labels=[("method", "GET"), ("method", "HEAD"), ("empty", "")])
    p.sample([1, 10 * MS], "get", "handler", "main", labels=[("user", "alice"), ("user", "alice"), ("user", "carol")])
    p.sample([1, 10 * MS], "a:b", "main", labels=[("key:colon", "v:w"), ("a key", "a value"), ("0num", "12kb")])
    return p


def labels_numbers():
    p = Profile([("allocations", "count"), ("size", "bytes")], duration=3 * 10**9)
    p.mapping("/usr/bin/prog")
    for i, n in enumerate([1, 16, 1000, 1024, 4096, 65536, 10**6, 2**20, 2**31]):
        p.sample([1 + i, n], f"alloc{i % 3}", "main",
                 labels=[("bytes", n, "bytes"), ("request", n), ("n", i, "widgets")])
    for i, unit in enumerate(["nanoseconds", "ms", "s", "hours", "kilobytes", "MB", "gib", "", "furlongs"]):
        p.sample([2, 3 << i], f"unit_{unit}", "main", labels=[(f"in_{unit}", 1500 + i, unit), ("thread", "T1")])
    p.sample([1, 5], "several", "main", labels=[("bytes", 2048, "bytes"), ("bytes", 1, "bytes"), ("bytes", 3, "bytes")])
    p.sample([1, 5], "both", "main", labels=[("bytes", "text"), ("bytes", 77, "bytes")])
    p.sample([1, 5], "zero", "main", labels=[("bytes", 0, "bytes"), ("neg", -5, "ms")])
    return p


def labels_units_mixed():
    """One key in several units: pprof keeps one and says so."""
    p = cpu_profile()
    p.sample([1, 10], "a", "main", labels=[("delay", 5, "ms")])
    p.sample([1, 20], "b", "main", labels=[("delay", 5, "s")])
    p.sample([1, 30], "c", "main", labels=[("delay", 5000, "microseconds")])
    p.sample([1, 40], "d", "main", labels=[("delay", 5), ("delay", 6, "ms")])
    p.sample([1, 50], "e", "main", labels=[("request", 6), ("alignment", 16)])
    return p


def labels_many():
    """More values than -tags shows."""
    p = cpu_profile()
    for i in range(150):
        labels = [("id", f"v{i:03}"), ("bytes", 100 * i, "bytes"), ("kind", "odd" if i % 2 else "even")]
        p.sample([1, (1 + i * 7 % 50) * MS], f"f{i % 5}", "main", labels=labels)
    return p


def heap_like():
    p = Profile([("alloc_objects", "count"), ("alloc_space", "bytes"), ("inuse_objects", "count"),
                 ("inuse_space", "bytes")], default="inuse_space", period_type=("space", "bytes"), period=524288,
                time=1700000000 * 10**9)
    p.mapping("/usr/bin/prog")
    for i in range(12):
        p.sample([1, 7 << i, 1, 3 << (2 * i)], f"alloc{i}", "main", labels=[("bytes", 1 << i, "bytes")])
    p.sample([0, 0, 0, 0], "nothing", "main")
    p.sample([5, 500, 0, 0], "freed", "main")
    return p


def drop_frames():
    p = cpu_profile(drop_frames=r"^alloc.*|tcmalloc::.*", keep_frames=r"alloc_kept|alloc_also")
    p.sample([1, 10], "memset", "alloc_inner", "alloc_outer", "user", "main")
    p.sample([1, 20], "memset", "alloc_kept", "user", "main")
    p.sample([1, 30], "alloc_top", "main")
    p.sample([1, 40], "alloc_alone")
    p.sample([1, 50], "x", "tcmalloc::New<int>", "user2", "main")
    p.sample([1, 60], ("small", "alloc_inlined", "user3"), "main")
    p.sample([1, 70], "y", ("alloc_inlined", "user3"), "alloc_outer", "main")
    return p


def drop_frames_only():
    p = cpu_profile(drop_frames="runtime\\..*", duration=0)
    p.sample([1, 10], "runtime.memmove", "runtime.growslice", "main.f", "main.main", "runtime.main")
    p.sample([1, 20], "main.g", "main.main", "runtime.main")
    p.sample([1, 30], "runtime.mcall")
    return p


def samples_alike():
    """The same stack several times, with and without labels."""
    p = cpu_profile()
    for i in range(5):
        p.sample([1, 10 * MS], "f", "main")
        p.sample([1, MS], "f", "main", labels=[("k", "v")])
    p.sample([1, MS], "f", "main", labels=[("k", "v"), ("k", "v")])
    p.sample([1, MS], "f", "main", labels=[("k", 1)])
    return p


def empty_stacks():
    """Samples without a location, and of nothing."""
    p = cpu_profile()
    p.sample([3, 30 * MS])
    p.sample([2, 20 * MS], labels=[("k", "v")])
    p.sample([0, 0], "zero", "main")
    p.sample([1, 10 * MS], "f", "main")
    return p


def equal_weights():
    """The order of equals."""
    p = cpu_profile()
    for name in ["b", "a", "c", "ab", "B", "_", "a.b", "z", "Z1", "1"]:
        p.sample([1, 10 * MS], name, "outer_" + name, "main")
        p.sample([1, 10 * MS], "shared", name, "main")
    return p


def deep():
    p = cpu_profile()
    p.sample([1, 10 * MS], *[f"level{i:03}" for i in range(200)], "main")
    p.sample([1, 20 * MS], *[f"level{i:03}" for i in range(100, 200)], "main")
    return p


def diamond():
    """Many ways between few functions."""
    p = cpu_profile()
    for i in range(4):
        for j in range(4):
            for k in range(3):
                p.sample([1, (1 + i + 4 * j + k * k) * MS], f"c{k}", f"b{j}", f"a{i}", "main")
    return p


def huge_values():
    return with_types(CPU, [[1, BIG // 2], [1, BIG // 4], [1, 2**40], [1, 5]], duration=BIG)


def overflow():
    return with_types(CPU, [[1, BIG], [1, BIG], [1, -BIG - 1], [1, 5]], duration=1)


def tiny_values():
    return with_types(CPU, [[1, 1], [1, 1], [1, 2], [0, 1]], duration=3)


def no_samples():
    return with_types(CPU, [], duration=10**9, time=1700000000 * 10**9)


def no_types():
    p = Profile([])
    p.mapping("/usr/bin/prog")
    return p


def zero_values():
    return with_types(CPU, [[0, 0], [1, 0]], duration=5 * 10**9)


def default_first():
    return with_types(CPU, [[3, 5], [4, 6]], default="samples")


def default_unknown():
    return with_types(CPU, [[3, 5], [4, 6]], default="nonsense")


def doc_url():
    return with_types(CPU, [[3, 5]], doc="https://example.org/profile", comments=["one", "", "three\nfour"])


def same_type_twice():
    return with_types([("a", "count"), ("a", "bytes"), ("b", "count"), ("c", "s")], [[1, 2, 3, 4], [9, 8, 7, 6]])


def one_type():
    return with_types([("goroutine", "count")], [[30], [20], [1]], period_type=("goroutine", "count"), period=1)


def gcu():
    return with_types([("cycles", "GCU"), ("time", "nanogcu"), ("power", "watts")], [[3000, 5 * 10**9, 3], [40, 6, 4]])


def units():
    """One value in many units, each its own sample type."""
    names = ["count", "samples", "", "bytes", "kilobytes", "MB", "nanoseconds", "microseconds", "ms", "seconds",
             "hours", "nanogcu", "GCU", "widgets", "Bytes", "\u00fcnits", "unit", "auto", "minimum", "B", "GiB", "us",
             "day", "kb"]
    rows = [[3] * len(names), [1000] * len(names), [2**30] * len(names), [123456789] * len(names)]
    return with_types([(f"t{i}", name) for i, name in enumerate(names)], rows, duration=123456789012)


def long_duration():
    return with_types(CPU, [[1, 10**9], [2, 7200 * 10**9]], duration=7 * 3600 * 10**9, time=1)


def negative_duration():
    return with_types(CPU, [[1, 10**9]], duration=-5)


def short_duration():
    return with_types(CPU, [[1, 10**9]], duration=999)


def shortest_duration():
    return with_types(CPU, [[1, 10**9]], duration=1)


def hour_duration():
    return with_types(CPU, [[1, 10**9]], duration=3600 * 10**9)


def unused_parts():
    """Functions, locations and mappings that no sample has."""
    p = several_mappings()
    p.function("nobody", file="/src/nobody.c")
    p.location("unused", 3)
    return p


def mapping_kinds():
    """The first mapping is no program: pprof looks for the one that is."""
    p = Profile(CPU)
    p.mapping("[vdso]", start=0x7F1000000000)
    p.mapping("/usr/lib/x86_64-linux-gnu/libc.so.6", start=0x7F2000000000)
    p.mapping("/opt/tools/real program", start=0x400000, build_id="aa")
    p.mapping("//anon", start=0x7F3000000000)
    p.mapping("[heap]", start=0x7F4000000000)
    for i in range(5):
        p.sample([1, 1 + i], p.location((), i + 1), p.location("main", 3))
    return p


def wide():
    """Enough functions for the default -nodecount and -nodefraction to leave some out."""
    p = cpu_profile()
    for i in range(400):
        p.sample([1, (1 + i * i % 97) * MS], f"leaf{i:03}", f"group{i % 20:02}", f"part{i % 3}", "main")
    return p


CASES = [plain, recursion, inlines, inlines_trimmed, residual_edges, negative, difference, no_symbols, no_mappings,
         nameless_functions, several_mappings, several_files, columns, folded_locations, system_names, long_names,
         filtered_names, utf8_names, labels_text, labels_numbers, labels_units_mixed, labels_many, heap_like,
         drop_frames, drop_frames_only, samples_alike, empty_stacks, equal_weights, deep, diamond, huge_values, overflow,
         tiny_values, no_samples, no_types, zero_values, default_first, default_unknown, doc_url, same_type_twice,
         one_type, gcu, units, long_duration, short_duration, shortest_duration, hour_duration, negative_duration,
         unused_parts, mapping_kinds, wide]


def all_cases():
    for case in CASES:
        yield case.__name__, case()
