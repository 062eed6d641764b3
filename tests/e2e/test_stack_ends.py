#!/usr/bin/env python3
"""Both ends of a stack: where it is too deep the root is there and the gap is marked, and behind a signal the function
that was interrupted is the one that is named."""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402

GAP = "[frames omitted]"
MAX_DEPTH = 64
CALLS = 1000
HZ = 250


def record_deep(directory, max_depth, ms=500):
    got = e2e.record(directory, [e2e.target("deep"), CALLS, ms], ["--max-depth", max_depth, "-F", HZ])
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    return got


def spin_samples(profile, ms=500):
    """Those of deep_spin, which used `ms` of CPU time by its thread's own clock."""
    samples = [sample for sample in profile.samples if "deep_spin" in sample.function_names()]
    weight = sum(sample.values[0] for sample in samples)
    e2e.check(weight > 0.8 * ms * HZ / 1000, f"deep_spin has {weight} of {profile.total('samples')}")
    return samples


def test_deep_stack_keeps_leaf_and_root(directory):
    got = record_deep(directory, MAX_DEPTH)
    profile = got.profile(executable="deep")
    for sample in spin_samples(profile):
        names = sample.function_names()
        e2e.check(len(sample.locations) <= MAX_DEPTH, f"{len(sample.locations)} locations")
        e2e.equal(names.count(GAP), 1, f"gaps in {names}")
        gap = names.index(GAP)
        e2e.check("deep_spin" in names[:gap] and "deep_call" in names[:gap], f"the leaf's side: {names[:gap]}")
        root = names[gap + 1:]
        e2e.check(len(root) >= MAX_DEPTH // 2 - 1, f"the root's side is short: {root}")
        e2e.check(root[0] == "deep_call" and "main" in root, f"the root's side: {root}")
        e2e.equal(root[-1], "_start", "the root")
        omitted = sample.function_locations()[gap]
        e2e.equal((omitted.mapping, omitted.address), (None, 0), "the gap's mapping and address")
    e2e.equal(got.lost(), 0, "lost")


def test_deep_stack_in_the_ledger(directory):
    got = record_deep(directory, MAX_DEPTH)
    info = json.loads(e2e.run([e2e.SIGPROF, "info", "--json", got.path]).stdout)
    stacks = info["stacks"]
    spinning = sum(sample.values[0] for sample in spin_samples(got.profile(executable="deep")))
    e2e.equal(stacks["cut by depth"], spinning, f"cut by depth in {stacks}")
    # All frames of the stack were walked, by each delivery; of those omitted none counts as one in no mapping.
    e2e.check(info["unwinding"]["frames"] > CALLS * 0.8 * info["samples"]["collected"]["count"], f"{info['unwinding']}")
    e2e.equal(stacks["frames in no mapping"], 0, "frames in no mapping")
    # One sample may be in _dl_start_user, which hands over to the program and has no tables.
    words = r"stacks cut \d+\.\d% \((by missing rules \d\.\d%, )?by depth \d+\.\d%\)"
    e2e.check(re.search(words, got.stderr), f"the summary:\n{got.stderr}")


def test_deep_stack_in_reports(directory):
    """The gap is a function as any other, for `go tool pprof` too: it checks profiles before it shows them."""
    got = record_deep(directory, MAX_DEPTH)
    ours = e2e.sigprof_top(got.path)
    rows = [line for line in ours if line.endswith(f" {GAP}")]
    e2e.equal(len(rows), 1, "rows of the gap in\n" + "\n".join(ours))
    profile = got.profile(executable="deep")
    spinning = sum(sample.values[1] for sample in spin_samples(profile))
    e2e.within(float(rows[0].split()[4].rstrip("%")), 100 * spinning / profile.total(), 0, 0.01, f"its share: {rows[0]}")
    for go in e2e.find_gos():
        e2e.equal(e2e.without_time(ours), e2e.without_time(e2e.go_top(go, directory, got.path)), f"-top of {go}")


def test_deep_stack_that_fits_is_whole(directory):
    profile = record_deep(directory, CALLS + 100).profile(executable="deep")
    for sample in spin_samples(profile):
        names = sample.function_names()
        e2e.equal((names.count(GAP), names.count("deep_call"), names[-1]), (0, CALLS, "_start"), "gaps, calls, root")


def test_smallest_depths(directory):
    """Below 3 there is no room for both sides: the leaf's alone."""
    for depth in (1, 2, 3, 4):
        for sample in spin_samples(record_deep(directory, depth, 200).profile(executable="deep"), 200):
            names = sample.function_names()
            e2e.equal((len(sample.locations), names.count(GAP)), (depth, int(depth > 2)), f"depth, gaps of {names}")
            e2e.check(depth < 3 or names[-1] == "_start", f"the root of {names}")


def test_function_that_a_signal_interrupted_is_named(directory):
    got = e2e.record(directory, [e2e.target("trapped"), 500])
    profile = got.profile(executable="trapped")
    weight = 0
    for sample in profile.samples:
        names = sample.function_names()
        if "trapped_handler" not in names:
            continue
        handler, first = names.index("trapped_handler"), names.index("trapped_first")
        e2e.check(first > handler and "trapped_before" not in names, f"{names}")
        e2e.equal(names[first + 1], "trapped_caller", f"its caller in {names}")
        e2e.equal(names[-1], "_start", "the root")
        weight += sample.values[0]
    e2e.check(weight * profile.period > 0.8 * 500e6, f"the handler has {weight} of {profile.total('samples')}")


def test_code_made_at_run_time_is_gone_through(directory):
    """Once the collector has told the handlers where it is. It looks when a drain, every 100 ms, finds such a stack cut
    for the first time; of 2 s most come after that, also on a machine that runs us a quarter of the time."""
    got = e2e.record(directory, [e2e.target("made_code"), 2000])
    profile = got.profile(executable="made_code")
    whole = working = 0
    for sample in profile.samples:
        names = sample.function_names()
        if "made_spin" not in names:
            continue
        working += sample.values[0]
        if names[-1] == "_start":
            at = names.index("made_caller")
            e2e.equal(sample.function_locations()[at - 1].mapping.file, "//anon", "the mapping of what made_caller called")
            whole += sample.values[0]
    e2e.check(whole > 0.5 * working, f"whole are {whole} of {working}:\n{got.stderr}")


if __name__ == "__main__":
    e2e.main(globals())
