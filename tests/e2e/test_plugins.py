#!/usr/bin/env python3
"""Libraries that are loaded and unloaded while a program is recorded, one at the place of the other: each sample's
frames have the names of the library that was there when it was taken, or none.

What is in a library is called by run_first or run_second of tests/targets/plugins.c, which says which one it was. Each
uses about the same CPU time, in stays of some ms; with samples every 4 ms at the worst (the kernel's tick) a share is
within a tick of each stay, evenly, so that some hundred stays are within a few percent. 10 % are allowed.
"""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402
import pprof  # noqa: E402

SECONDS = 1.5
SIDES = ("first", "second")


def side_of(sample):
    """Which plugin was in use, by its caller; None: neither."""
    names = [lines[-1][0] if lines else "" for _, _, lines in sample.stack()]
    found = [side for side in SIDES if "run_" + side in names]
    return found[0] if len(found) == 1 else None


def other(side):
    return SIDES[1 - SIDES.index(side)]


def inner_frames(sample, side):
    """Those that the side's function has called, without libc's own on the way."""
    stack = sample.stack()
    names = [lines[-1][0] if lines else "" for _, _, lines in stack]
    return stack[:names.index("run_" + side)]


def says(frame, side):
    """Whether a frame is put to a side, by name or by file."""
    _, mapping, lines = frame
    return any(name.startswith(side + "_") for name, _ in lines) or bool(mapping and f"plugin_{side}.so" in mapping.file)


def is_named(frames):
    """Whether the plugin, or what loads and unloads it, has a name, and every frame has a mapping."""
    known = ("plugin_run", "dlopen", "dlclose", "dlsym")
    return all(mapping for _, mapping, _ in frames) and \
        (not frames or any(name in known or name.startswith(SIDES) for _, _, lines in frames for name, _ in lines))


def census(profile):
    """({side: weight of its samples}, of these without the plugin's name, {frames with the other's name: weight})."""
    position = profile.index("samples")
    weights, unnamed, wrong = dict.fromkeys(SIDES, 0), 0, {}
    for sample in profile.samples:
        side = side_of(sample)
        if side is None:
            continue
        weight = sample.values[position]
        frames = inner_frames(sample, side)
        weights[side] += weight
        if any(says(frame, other(side)) for frame in frames):
            wrong[str(frames)] = wrong.get(str(frames), 0) + weight
        unnamed += 0 if is_named(frames) else weight
    return weights, unnamed, wrong


def run(directory, how, ms, options=("-F", "1000"), seconds=SECONDS, target="plugins"):
    got = e2e.record(directory, [e2e.target(target), how, f"{seconds:g}", f"{ms:g}", directory], options)
    e2e.equal(got.status, 0, f"exit of plugins {how}\n{got.stdout.decode()}\n{got.stderr}")
    return got


def check(got, profile, at_least_same=0.5, unnamed_at_most=0.0, with_shares=True):
    """`unnamed_at_most`: share of the weight. A stack may be cut, so that a few are unnamed in any case."""
    weights, unnamed, wrong = census(profile)
    total = sum(weights.values())
    print(got.stdout.decode().strip(), weights, f"unnamed {unnamed}")
    e2e.equal(wrong, {}, "samples with the other plugin's names")
    e2e.check(total > 20, f"samples: {weights}")
    e2e.check(unnamed <= unnamed_at_most * total + 3, f"without the plugin's name: {unnamed} of {total}")
    if with_shares:
        used = {side: e2e.value(got.stdout, side + "_ns") for side in SIDES}
        e2e.within(weights["first"] / total, used["first"] / sum(used.values()), 0, 0.1, "share of the first plugin")
    if e2e.value(got.stdout, "same_place") < at_least_same * e2e.value(got.stdout, "rounds"):
        e2e.skip(f"the kernel gives each plugin another place: {got.stdout.decode()}")


def check_ledger(info, share=0.005):
    """Nothing untold, and next to no frame that could be in one of two libraries.

    A destructor's may be such, if the recorder looks while it runs.
    """
    stacks = info["stacks"]
    e2e.equal(info["unloading"]["untold"], 0, "untold")
    e2e.check(stacks["frames in no mapping"] <= share * stacks["frames"] + 3, f"frames in no mapping: {stacks}")
    e2e.check(stacks["frames in an unknown library"] <= stacks["frames in no mapping"], f"{stacks}")


def test_two_plugins_swap_places(directory):
    got = run(directory, "swap", 20)
    check(got, got.profile())
    check_ledger(got.info())


def test_plugins_of_ten_milliseconds_each(directory):
    """Far shorter than the time between two looks at the process's mappings."""
    got = run(directory, "brief", 10, seconds=0.3, options=["-F", "5000"])
    profile = got.profile()
    weights, unnamed, wrong = census(profile)
    print(weights, unnamed)
    e2e.equal(wrong, {}, "samples with the other plugin's names")
    e2e.check(min(weights.values()) >= 1, f"samples: {weights}")
    e2e.check(unnamed <= 2, f"without a name: {unnamed} of {weights}")
    check_ledger(got.info())


def test_plugins_in_four_threads(directory):
    """What comes while something else goes may be uncertain, but is never wrong, and little."""
    got = run(directory, "threads", 1)
    profile = got.profile()
    info = got.info()
    print(info["stacks"], info["unloading"])
    check(got, profile, at_least_same=0, unnamed_at_most=0.1, with_shares=False)
    check_ledger(info, 0.05)


def test_forked_children_have_what_their_parent_had(directory):
    got = run(directory, "fork", 5)
    check(got, got.profile(), at_least_same=0, unnamed_at_most=0.02, with_shares=False)


def test_new_build_of_the_same_name(directory):
    """The file is another build's when names are looked up: then it is not used."""
    got = run(directory, "rebuild", 10)
    profile = got.profile()
    ids = {mapping.build_id for mapping in profile.mappings if "plugin.so" in mapping.file}
    e2e.equal(len(ids - {""}), 2, f"build ids of plugin.so: {ids}")
    check(got, profile, unnamed_at_most=1)


def test_files_that_are_deleted(directory):
    got = run(directory, "delete", 10)
    check(got, got.profile(), unnamed_at_most=1)


def test_program_that_is_killed(directory):
    got = e2e.record(directory, [e2e.target("plugins"), "killed", "1", "10", directory], ["-F", "1000"])
    e2e.equal(got.status, 128 + signal.SIGKILL, f"exit\n{got.stderr}")
    check(got, got.profile(), unnamed_at_most=0.02)


def library_run(directory, how, ms):
    done = e2e.run([e2e.target("plugins_with_library"), how, str(SECONDS), str(ms), directory])
    e2e.equal(done.returncode, 0, f"exit\n{done.stderr.decode()}")
    return done, pprof.read(os.path.join(directory, "library.pb.gz")).check()


def test_library_collects_in_the_process(directory):
    check(*library_run(directory, "swap", 10), unnamed_at_most=0.02)


def test_library_collects_in_the_process_from_four_threads(directory):
    check(*library_run(directory, "threads", 1), at_least_same=0, unnamed_at_most=0.1, with_shares=False)


if __name__ == "__main__":
    e2e.main(globals())
