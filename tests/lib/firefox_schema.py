"""Checks a file in Firefox's processed profile format, version 58: that all is there which the format's types demand, and
that every index is in its table. Written against firefox-devtools/profiler's src/types/profile.ts."""

NUMBER = (int, float)


class Invalid(Exception):
    pass


def need(condition, message):
    if not condition:
        raise Invalid(message)


def is_number(value):
    return isinstance(value, NUMBER) and not isinstance(value, bool)


def member(item, name, kinds, where):
    need(name in item, f"{where} has no {name}")
    value = item[name]
    need(isinstance(value, kinds) and (bool in (kinds if isinstance(kinds, tuple) else (kinds,)) or
                                       not isinstance(value, bool)), f"{where}.{name} is {value!r}")
    return value


def index(value, size, what, or_null=False, or_minus_one=False):
    if (or_null and value is None) or (or_minus_one and value == -1):
        return
    need(isinstance(value, int) and not isinstance(value, bool) and 0 <= value < size, f"{what} is {value!r} of {size}")


def table(owner, name, columns, where):
    found = member(owner, name, dict, where)
    length = member(found, "length", int, f"{where}.{name}")
    for column in columns:
        values = member(found, column, list, f"{where}.{name}")
        need(len(values) == length, f"{where}.{name}.{column} has {len(values)} of {length}")
    return found


def indexes(found, column, size, what, **how):
    for value in found[column]:
        index(value, size, f"{what}.{column}", **how)


def check_meta(meta):
    need(member(meta, "preprocessedProfileVersion", int, "meta") == 58, "another version")
    for name in ("interval", "startTime", "processType", "stackwalk", "version"):
        member(meta, name, NUMBER, "meta")
    need(meta["interval"] > 0 and meta["stackwalk"] in (0, 1), "interval or stackwalk")
    member(meta, "product", str, "meta")
    need(member(meta, "markerSchema", list, "meta") == [], "markers")
    categories = member(meta, "categories", list, "meta")
    need(any(category["color"] == "grey" for category in categories), "no grey category")
    for category in categories:
        need(category["name"] and category["subcategories"][0] == "Other", f"category {category}")
    return categories


def check_libs(libs):
    for lib in libs:
        for name in ("arch", "name", "path", "debugName", "debugPath", "breakpadId"):
            member(lib, name, str, "lib")
        need(len(lib["breakpadId"]) == 33 and int(lib["breakpadId"], 16) >= 0, f"breakpadId {lib['breakpadId']}")
        need(lib["codeId"] is None or isinstance(lib["codeId"], str), "codeId")
    need(len({(lib["path"], lib["codeId"]) for lib in libs}) == len(libs), "a lib stands there twice")


def check_stacks(thread, where):
    stacks = table(thread, "stackTable", ("frame", "prefix"), where)
    indexes(stacks, "frame", thread["frameTable"]["length"], where)
    for at, prefix in enumerate(stacks["prefix"]):
        index(prefix, at, f"{where}: prefix of stack {at}", or_null=True)  # parents come first
    pairs = set(zip(stacks["prefix"], stacks["frame"]))
    need(len(pairs) == stacks["length"], f"{where}: a stack stands there twice")


def check_samples(thread, where):
    samples = table(thread, "samples", ("stack", "time", "weight"), where)
    indexes(samples, "stack", thread["stackTable"]["length"], where, or_null=True)
    need(samples["weightType"] in ("samples", "tracing-ms", "bytes"), f"weights are {samples['weightType']}")
    need(all(is_number(value) for value in samples["time"] + samples["weight"]), f"{where}: a time or weight")
    need(samples["time"] == sorted(samples["time"]), f"{where}: times go back")


def check_thread(thread, profile, where):
    for name, kinds in {"name": str, "pid": str, "tid": (int, str), "processType": str, "isMainThread": bool,
                        "processStartupTime": NUMBER, "registerTime": NUMBER, "pausedRanges": list}.items():
        member(thread, name, kinds, where)
    need(thread["processShutdownTime"] is None and thread["unregisterTime"] is None, f"{where}: ends")
    strings, sources = len(profile["shared"]["stringArray"]), profile["shared"]["sources"]["length"]
    frames = table(thread, "frameTable", ("address", "inlineDepth", "category", "subcategory", "func", "nativeSymbol",
                                          "innerWindowID", "line", "column"), where)
    functions = table(thread, "funcTable", ("name", "isJS", "relevantForJS", "resource", "source", "lineNumber",
                                            "columnNumber"), where)
    resources = table(thread, "resourceTable", ("lib", "name", "host", "type"), where)
    table(thread, "nativeSymbols", ("libIndex", "address", "name", "functionSize"), where)
    table(thread, "markers", ("data", "name", "startTime", "endTime", "phase", "category"), where)
    indexes(frames, "func", functions["length"], where)
    indexes(frames, "category", len(profile["meta"]["categories"]), where)
    need(all(isinstance(value, int) and value >= -1 for value in frames["address"]), f"{where}: an address")
    need(all(isinstance(value, int) and value >= 0 for value in frames["inlineDepth"]), f"{where}: a depth")
    indexes(functions, "name", strings, where)
    indexes(functions, "resource", resources["length"], where, or_minus_one=True)
    indexes(functions, "source", sources, where, or_null=True)
    indexes(resources, "lib", len(profile["libs"]), where)
    indexes(resources, "name", strings, where)
    need(set(resources["type"]) <= {1} and set(resources["host"]) <= {None}, f"{where}: resources")
    check_stacks(thread, where)
    check_samples(thread, where)


def check(profile):
    """Raises Invalid. Returns the profile."""
    check_meta(member(profile, "meta", dict, "profile"))
    check_libs(member(profile, "libs", list, "profile"))
    shared = member(profile, "shared", dict, "profile")
    strings = member(shared, "stringArray", list, "shared")
    need(all(isinstance(text, str) for text in strings), "a string is none")
    sources = table(shared, "sources", ("uuid", "filename"), "shared")
    indexes(sources, "filename", len(strings), "sources")
    threads = member(profile, "threads", list, "profile")
    for number, thread in enumerate(threads):
        check_thread(thread, profile, f"thread {number}")
    need(len({(thread["pid"], thread["tid"], thread["name"]) for thread in threads}) == len(threads), "a thread twice")
    return profile


def stacks(profile):
    """[(thread's name, function names with the root first, weight)] of all samples."""
    strings, found = profile["shared"]["stringArray"], []
    for thread in profile["threads"]:
        prefix, frame = thread["stackTable"]["prefix"], thread["stackTable"]["frame"]
        for stack, weight in zip(thread["samples"]["stack"], thread["samples"]["weight"]):
            names = []
            while stack is not None:
                names.append(strings[thread["funcTable"]["name"][thread["frameTable"]["func"][frame[stack]]]])
                stack = prefix[stack]
            found.append((thread["name"], tuple(reversed(names)), weight))
    return found
