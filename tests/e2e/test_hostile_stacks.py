#!/usr/bin/env python3
"""Programs whose stacks are hard to walk, or no stacks at all, sampled at the highest rate: nothing crashes or hangs,
the program's own result is right, and every sample that was due is recorded or counted as lost.

Each runs for 2 seconds, or for HOSTILE_SECONDS of the environment.

About the bounds on whole stacks. Where the program's frames all have unwind tables, what is left are single
instructions in libc's assembly, far less than 1 % of the time: so 99 % is asked for, less four standard deviations of
a binomial of so many samples. Sampling by timer gives 250 a second and thread at the least. Of the time of a thread
that does nothing but throw, 1.5 % is in a part of libgcc (uw_install_context_1) that makes its caller's saved
registers, return address among them, those of the frame that catches: until it is done, nothing tells how it was
called. There 97 % is asked for.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402
import stack_census  # noqa: E402

SECONDS = float(os.environ.get("HOSTILE_SECONDS", "2"))
RATE_HZ = 10000
SAMPLES_AT_LEAST = 100


def run(directory, name):
    """(recording, ledger) of a program that has found nothing wrong with itself; what holds for all is checked."""
    if not os.path.exists(e2e.target(name)):
        e2e.skip(f"{name} is not built here")
    got = e2e.record(directory, [e2e.target(name), f"{SECONDS:g}"], ["-F", str(RATE_HZ)],
                     timeout=e2e.TIMEOUT_S + SECONDS)
    e2e.equal(got.status, 0, f"exit of {name}\n{got.stdout.decode()}\n{got.stderr}")
    e2e.equal(e2e.value(got.stdout, "wrong"), 0, "wrong results")
    got.profile()
    info = got.info()
    samples = info["samples"]
    lost = [samples["lost"][why] for why in ("shards busy", "shards full", "no place")]
    for kind in ("count", "weight"):
        e2e.equal(samples["fired"][kind], samples["recorded"][kind] + sum(why[kind] for why in lost),
                  f"{kind} fired = recorded + lost")
    e2e.equal(samples["damaged"], 0, "damaged records")
    e2e.check(samples["recorded"]["count"] >= SAMPLES_AT_LEAST, f"samples: {samples}")
    return got, info


def check_whole(got, info, share=0.99, with_gap=False):
    """At least this share of the weight are complete stacks, and as many have a root where a thread begins.

    `with_gap`: stacks deeper than the limit count, too: they have their roots. A sample may weigh more than 1.
    """
    stacks, samples = info["stacks"], info["samples"]["collected"]
    whole = stacks["complete"] + (stacks["cut by depth"] if with_gap else 0)
    limit = share - 4 * (share * (1 - share) / samples["count"]) ** 0.5
    e2e.check(whole >= limit * samples["weight"], f"whole stacks: not {limit:.4f} of {samples['weight']}: {stacks}")
    census = stack_census.Census(got.profile(), info)
    ends = {where: [*group.examples.items()][:2] for where, group in census.cut.items()}
    e2e.check(census.at_start >= limit * census.weight, f"roots: {census.kinds} of {census.weight}: {ends}")


def names(sample):
    """(function, file) of each frame, leaf first."""
    return [(lines[-1][0] if lines else "", os.path.basename(mapping.file) if mapping else "")
            for _, mapping, lines in sample.stack()]


CHAIN = ["first_inner", "first_outer", "reload_run", "use_first"]


def library_faults(stack):
    """(what cannot be in a stack of tests/targets/reload.c, whether it is put to the right library); None: no say."""
    own = [number for number, (_, file) in enumerate(stack) if file.startswith("libreload_")]
    if not own or stack[own[0]][0] not in (*CHAIN[:3], "second_inner", "second_outer"):
        return None, None
    if len({stack[number][1] for number in own}) != 1:
        return "frames of both libraries", None
    found = [name.replace("second", "first") for name, _ in stack[own[0]:own[0] + len(CHAIN)]]
    wanted = CHAIN[CHAIN.index(found[0]):][:len(found)]
    if found[:len(wanted)] != wanted or own[-1] - own[0] + 1 != len(own):
        return f"{found}", None  # a cut stack may end early, but has nothing else
    user = stack[own[-1] + 1][0] if own[-1] + 1 < len(stack) else ""
    return None, user.removeprefix("use_") in stack[own[0]][1] if user else None


def test_libraries_at_the_same_place(directory):
    got, info = run(directory, "reload")
    e2e.check(e2e.value(got.stdout, "same_place") > 100, f"never at the same place: {got.stdout.decode()}")
    profile = got.profile()
    position, faults, right = profile.index("samples"), {}, {True: 0, False: 0, None: 0}
    for sample in profile.samples:
        fault, is_right = library_faults(names(sample))
        right[is_right] += sample.values[position]
        if fault:
            faults[fault] = faults.get(fault, 0) + sample.values[position]
    print(f"put to the right library {right[True]}, to the other {right[False]}; faults {faults}")
    e2e.equal(faults, {}, "impossible stacks")
    e2e.equal(right[False], 0, "stacks put to the other library")
    check_whole(got, info)


def test_exceptions_in_eight_threads(directory):
    got, info = run(directory, "throwing")
    check_whole(got, info, 0.97)


def test_long_jumps(directory):
    got, info = run(directory, "jumping")
    check_whole(got, info)


def test_program_with_holes(directory):
    """Its code and its unwind tables are segments that the C library takes for separate objects."""
    got, info = run(directory, "jumping_far")
    check_whole(got, info)


def test_coroutines(directory):
    got, info = run(directory, "coroutines")
    e2e.check(e2e.value(got.stdout, "switches") > 100_000 * SECONDS, got.stdout.decode())
    check_whole(got, info)


def test_stack_overflow(directory):
    """Most stacks are deeper than the limit."""
    got, info = run(directory, "overflowing")
    check_whole(got, info, with_gap=True)


def test_corrupted_stacks(directory):
    """Whole they cannot be: the words of their frames are overwritten most of the time."""
    run(directory, "corrupting")


def test_signal_handlers_on_alternate_stacks(directory):
    got, info = run(directory, "handling")
    check_whole(got, info)


if __name__ == "__main__":
    e2e.main(globals())
