#!/usr/bin/env python3
"""Recordings of the same work differ in nothing; where one function does more, `sigprof diff` names that one.

The strict tests, of how often chance is called a difference, have made-up samples (tests/unit/test_diff.c). Here runs
are real, on machines whose speed changes while they are in use by others: they are allowed to vary by 20 %, and the
function that does more does six times as much. With at least 50 samples for each function in a run, as there are where
the kernel's tick is 4 ms, sampling alone then comes to a false answer at 4 standard deviations.
"""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402
import pprof_encode  # noqa: E402

VARIATION = "--run-variation=20"


def record(directory, name, *words, rate="1000"):
    got = e2e.record(directory, [e2e.target("slower"), *words], ["-F", rate], name=name)
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    return got.path


def diff(status, *words):
    done = e2e.run([e2e.SIGPROF, "diff", *words])
    e2e.equal(done.returncode, status, f"exit of sigprof diff {words}:\n{done.stderr.decode()}")
    return done.stdout.decode(), done.stderr.decode()


def differing(old, new, *options):  # by flat, by cum, and all that is said
    answer = json.loads(diff(0, "--json", *options, old, new)[0])
    rows = answer["functions"]
    return ([row["function"] for row in rows if row["flat"]["is_significant"]],
            [row["function"] for row in rows if row["cum"]["is_significant"]], answer)


def test_diff_of_recordings(directory):
    once, again = record(directory, "once", 1), record(directory, "again", 1)
    more = record(directory, "more", 6)
    flat, cum, answer = differing(once, again, VARIATION)
    e2e.equal((flat, cum), ([], []), f"what differs in the same work: {answer}")
    e2e.check(answer["tests"] > 3 and answer["errors_by"] == "count", f"tests: {answer}")
    text, _ = diff(0, VARIATION, "--fail-over=10", once, again)
    e2e.check(text.startswith("Nothing differs beyond sampling error\n"), text)

    # main has 8 thirds of what it had: 5.8 standard deviations where runs vary by 10 %.
    flat, cum, answer = differing(once, more, "--run-variation=10")
    e2e.equal(flat, ["slow"], f"what differs by itself: {answer}")
    e2e.check({"slow", "main"} <= set(cum), f"what differs with callees: {cum}")
    text, _ = diff(0, VARIATION, once, more)
    e2e.check(text.startswith("1 function differs: slow +"), text)

    # It had a third and has three quarters. Shares do not depend on how fast the machine is.
    flat, cum, answer = differing(once, more, "--normalize")
    e2e.equal(answer["total"]["change"], 0, "the total's change, normalized")
    e2e.check(flat[0] == "slow" and answer["functions"][0]["share_change"] > 20, f"shares: {answer}")

    _, said = diff(1, VARIATION, "--fail-over=50", once, more)
    e2e.check(said.startswith("sigprof: slow grew by ") and said.endswith("more than 50 %\n"), said)
    diff(0, VARIATION, "--fail-over=50", more, once)


def test_diff_of_a_function_20_percent_slower(directory):
    """A step takes 0.2 ms, so a function has its 1000 or 1200 ms but for that: 10 000 and 12 000 samples, with an error
    of 148 between them, far from the 2000 by which they differ. And 1 % that runs vary is 160 more. What the heaviest
    sample stands for, which counts against every change, is the program's start: up to 110 ms on a loaded machine."""
    e2e.need_perf(10000)
    old, alike, new = (record(directory, name, "for", ms, rate="10000")
                       for name, ms in (("old", 1000), ("alike", 1000), ("new", 1200)))
    flat, cum, answer = differing(old, alike)
    e2e.equal((flat, cum), ([], []), f"what differs in the same: {answer}")
    flat, cum, answer = differing(old, new)
    e2e.equal(flat, ["slow"], f"what differs by itself: {answer}")
    growth = answer["functions"][0]["flat"]["relative"]
    e2e.check(0.15 < growth < 0.25, f"it grew by {growth}")


def test_diff_refuses(directory):
    path = record(directory, "once", 1)
    e2e.check("NEW is missing" in diff(2, path)[1], "one file")
    e2e.check("not \"x\" too" in diff(2, path, path, "x")[1], "three files")
    e2e.check("it is a number" in diff(2, "--fail-over=much", path, path)[1], "no number")
    e2e.check("unknown option \"--what\"" in diff(2, "--what", path, path)[1], "no option")
    e2e.check("missing: " in diff(1, path, os.path.join(directory, "missing"))[1], "no file")


def made(directory, name, in_g, folder="/src", in_f=100, types=(("samples", "count"), ("cpu", "nanoseconds")), **header):
    """main calls f, with in_f samples in thread a, and g, with in_g in thread b; h is inlined into g."""
    profile = pprof_encode.Profile(types, period_type=types[-1], period=1_000_000, **header)
    profile.mapping("/bin/a", build_id="1aaa")
    f, g, h, main = (profile.function(function, file=f"{folder}/{file}.c")
                     for function, file in (("f", "f"), ("g", "g"), ("h", "g"), ("main", "main")))
    for n, stack, thread in ((in_f, [(f,), (main,)], "a"), (in_g, [(h, g), (main,)], "b")):
        values = [n, n * 1_000_000][2 - len(types):]
        profile.sample(values, *(profile.location(frame) for frame in stack), labels=[("thread", thread)])
    path = os.path.join(directory, name)
    with open(path, "wb") as file:
        file.write(profile.encode())
    return path


def sides(answer, value="cum"):  # {name: (OLD, NEW)} in samples
    return {row["name"]: tuple(round(row[value][side] / 1e6) for side in ("old", "new"))
            for row in answer["functions"]}


def test_diff_selects_on_both_sides(directory):
    old, new = made(directory, "old", 200), made(directory, "new", 500)
    f, g, h, main = {"f": (100, 100)}, {"g": (200, 500)}, {"h": (200, 500)}, {"main": (300, 600)}
    for words, rows in (
            ([], {**f, **g, **h, **main}),
            (["--focus=g"], {**g, **h, "main": (200, 500)}),
            (["-focus", "g"], {**g, **h, "main": (200, 500)}),
            (["-ignore=g"], {**f, "main": (100, 100)}),
            (["--hide=main"], {**f, **g, **h}),
            (["-show=^f$"], f),
            (["-show_from=^g$"], {**g, **h}),
            (["--prune-from=^main$"], main),
            (["--tagfocus=thread=b"], {**g, **h, "main": (200, 500)}),
            (["-tagignore", "thread=b"], {**f, "main": (100, 100)}),
            (["--tagroot=thread"], {**f, **g, **h, **main, "a": (100, 100), "b": (200, 500)}),
            (["--tagleaf=thread", "--show=^[ab]$"], {"a": (100, 100), "b": (200, 500)}),
            (["--noinlines"], {**f, **g, **main}),
            (["--files"], {"/src/f.c": (100, 100), "/src/g.c": (200, 500), "/src/main.c": (300, 600)}),
            (["--files", "--trim-path=/src"], {"f.c": (100, 100), "g.c": (200, 500), "main.c": (300, 600)}),
            (["--filefunctions", "-show=^f$"], {"f /src/f.c": (100, 100)}),
            (["--lines", "--show=^h$"], {"h /src/g.c:30": (200, 500)}),
            (["--addresses", "--show=^f$"], {"0000000000400010 f /src/f.c:10": (100, 100)})):
        e2e.equal(sides(differing(old, new, *words)[2]), rows, f"rows with {words}")
    head = diff(0, "--focus=g", "-unit=s", old, new)[0]
    e2e.check("\nActive filters:\n   focus=g\nSelected: 0.20s to 0.50s, +0.30s" in head, head)
    _, said = diff(0, "--focus=nothing", old, new)
    e2e.equal(said, "".join(f"sigprof: {side}: Focus expression matched no samples\n" for side in ("OLD", "NEW")), "said")


def test_diff_of_a_part_is_scaled_by_the_whole(directory):
    """NEW has twice OLD's samples, and f the same: half as much of the whole, and as much of itself."""
    old, new = made(directory, "old", 200), made(directory, "new", 500)
    answer = differing(old, new, "--normalize", "--focus=^f$")[2]
    e2e.equal(sides(answer)["f"], (100, 50), "scaled by all")
    e2e.equal((answer["old"]["total"], answer["old"]["selected"]), (300_000_000, 100_000_000), "OLD")
    e2e.equal(round(answer["functions"][-1]["share_change"], 6), 0, "main has no share")
    answer = differing(old, new, "--normalize", "--relative-percentages", "--focus=^f$")[2]
    e2e.equal(sides(answer)["f"], (100, 100), "scaled by what is left")


def test_diff_fails_over_growth_of_a_part(directory):
    """g is new, and what the filter leaves of OLD is nothing: it grew by its share of all of OLD."""
    old, new = made(directory, "old", 0), made(directory, "new", 50)
    _, said = diff(1, "--fail-over=5", "--focus=^g$", old, new)
    e2e.check("sigprof: the total grew by 50.0 %: more than 5 %\n" in said, said)
    diff(0, "--fail-over=5", "--ignore=^g$", old, new)


def test_diff_order(directory):
    old, new = made(directory, "old", 200), made(directory, "new", 500, in_f=180)
    for words, names in ((["--cum"], ["main", "h", "g", "f"]), (["--flat"], ["h", "f", "main", "g"]),
                         (["-cum", "-nodecount=1"], ["main"])):
        rows = differing(old, new, *words)[2]["functions"]
        e2e.equal([row["name"] for row in rows], names, f"order with {words}")


ALL_OPTIONS = [[], ["--files"], ["--filefunctions"], ["--lines"], ["--lines", "--showcolumns"], ["--addresses"],
               ["--noinlines"], ["--cum"], ["--focus=g"], ["--ignore=g"], ["--hide=g"], ["--show=g"], ["--show-from=g"],
               ["--prune-from=g"], ["--tagfocus=b"], ["--tagignore=b"], ["--tagshow=thread"], ["--taghide=thread"],
               ["--tagroot=thread"], ["--tagleaf=thread"], ["--sample-index=samples"], ["--unit=us"], ["--no-trim"],
               ["--trim-path=/src"], ["--normalize"], ["--normalize", "--focus=g", "--relative-percentages"],
               ["--per-second", "--lines"]]


def test_diff_with_itself_is_zero(directory):
    path = made(directory, "profile", 200, duration=1_000_000_000)
    for words in ALL_OPTIONS:
        flat, cum, answer = differing(path, path, *words)
        e2e.equal((flat, cum), ([], []), f"what differs with {words}")
        e2e.check(answer["functions"], f"rows with {words}")
        changes = [row[value]["change"] for row in answer["functions"] for value in ("flat", "cum")]
        changes += [answer["total"]["change"]] + [row["share_change"] for row in answer["functions"]]
        e2e.equal(set(changes), {0}, f"changes with {words}")
        e2e.equal({row["in"] for row in answer["functions"]}, {"both"}, f"sides with {words}")


def test_diff_of_builds_in_other_folders(directory):
    old, new = made(directory, "old", 200, "/home/one"), made(directory, "new", 200, "/home/two")
    for words in ([], ["--files"], ["--lines"], ["--filefunctions"]):
        rows = differing(old, new, *words)[2]["functions"]
        e2e.equal({row["in"] for row in rows}, {"both"}, f"sides with {words}")


def test_diff_without_errors(directory):
    old, new = (made(directory, name, n, types=[("delay", "nanoseconds")]) for name, n in (("old", 200), ("new", 500)))
    e2e.equal(differing(old, new)[2]["errors_by"], "period", "a period of time")
    old, new = (made(directory, name, n, types=[("space", "bytes")]) for name, n in (("old", 200), ("new", 500)))
    flat, cum, answer = differing(old, new)
    e2e.equal((flat, cum, answer["errors_by"]), ([], [], "unknown"), "a heap")
    e2e.check("how many independent samples space of OLD and NEW" in answer["errors_unknown"], answer["errors_unknown"])
    e2e.check(all(row["flat"]["is_significant"] is None for row in answer["functions"]), "no significance")
    e2e.check("cannot tell growth" in diff(1, "--fail-over=1", old, new)[1], "--fail-over")


def test_diff_refuses_what_does_not_go_together(directory):
    path = made(directory, "profile", 200)
    for words, reason in ((["--lines", "--files"], "--lines and --files cannot both be given"),
                          (["-cum", "-flat"], "--cum and --flat cannot both be given"),
                          (["-o", ""], "-o needs a FILE, or - for standard output"),
                          (["--drop-negative"], 'unknown option "--drop-negative"'),
                          (["--call-tree"], 'unknown option "--call-tree"')):
        said = diff(2, *words, path, path)[1]
        e2e.check(said.startswith(f"sigprof: {reason}"), said)
    e2e.check("read once only" in diff(2, "-", "-")[1], "stdin twice")
    e2e.check("OLD is missing" in diff(2)[1], "no files")
    e2e.check("parsing focus regexp" in diff(1, "--focus=(", path, path)[1], "no expression")


if __name__ == "__main__":
    e2e.main(globals())
