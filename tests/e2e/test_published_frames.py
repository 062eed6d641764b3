#!/usr/bin/env python3
"""What programs say of their stacks: the functions of a Lua program stand in its profile, between the native frames that
interpret them; functions that find stacks are not called under record."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402
import pprof  # noqa: E402

RUN_LUA = os.path.join(os.environ["BUILD"], "examples", "run_lua")
SCRIPT = os.path.join(os.environ["ROOT"], "examples", "lua", "shares.lua")


def need_lua():
    if not os.path.exists(RUN_LUA):
        e2e.skip("there was no Lua 5.4 to build examples/lua with")


def environment(rounds):
    return {**os.environ, "ROUNDS": str(rounds)}


def weight(profile, *names):
    """Weight of the samples that have all of these functions."""
    return sum(sample.values[0] for sample in profile.samples if set(names) <= set(sample.function_names()))


def check_profile(profile):
    heavy, light = weight(profile, "heavy"), weight(profile, "light")
    e2e.check(heavy + light > 100, f"heavy and light have {heavy} and {light} samples")
    e2e.within(heavy, heavy + light, 0.75, 0.05, "heavy")
    e2e.equal(weight(profile, "heavy", "light"), 0, "samples with a frame that is no more")
    for sample in profile.samples:
        names = sample.function_names()
        if "heavy" in names:
            e2e.check(names.index("heavy") < names.index("lua_pcallk"), f"order in {names}")
            e2e.check("main chunk" in names, f"the outermost function in {names}")
        if "lua_resume" in names and "heavy" in names:
            e2e.check(names.index("heavy") < names.index("lua_resume") < names.index("main chunk"), f"in {names}")
    e2e.check(weight(profile, "heavy", "lua_resume") > 0, "nothing in the coroutine")
    e2e.check(weight(profile, "light", "fails", "catches") + weight(profile, "heavy", "catches") > 0, "nothing caught")
    functions = {function.name: function for function in profile.functions if function.filename.endswith("shares.lua")}
    e2e.equal(functions["spin"].start_line, 4, "where spin begins")


def lines_of(profile, name):
    return {line for location in profile.locations for function, line in location.lines if function == name}


def test_recorded(directory):
    need_lua()
    got = e2e.record(directory, [RUN_LUA, SCRIPT], env=environment(400))
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    profile = got.profile()
    check_profile(profile)
    e2e.check(lines_of(profile, "spin") <= {4, 5, 6, 7, 9} and 7 in lines_of(profile, "spin"),
              f"lines of spin: {lines_of(profile, 'spin')}")


def test_profiles_itself(directory):
    need_lua()
    path = os.path.join(directory, "own.pb.gz")
    done = e2e.run([RUN_LUA, "--profile", path, SCRIPT], env=environment(400))
    e2e.equal(done.returncode, 0, f"exit\n{done.stderr.decode()}")
    check_profile(pprof.read(path))


def test_threads_and_calls_alone(directory):
    need_lua()
    got = e2e.record(directory, [RUN_LUA, "--calls", "--threads", "3", SCRIPT], ["-F", "1000"], env=environment(300))
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    profile = got.profile()
    check_profile(profile)
    tids = {sample.labels["tid"] for sample in profile.samples if "heavy" in sample.function_names()}
    e2e.equal(len(tids), 3, "threads")


def test_killed(directory):
    """The names are with the recorder as soon as they are known."""
    need_lua()
    script = os.path.join(directory, "killed.lua")
    with open(SCRIPT, encoding="utf-8") as source, open(script, "w", encoding="utf-8") as file:
        file.write(source.read() + "\nos.execute('kill -9 $PPID')\n")
    got = e2e.record(directory, [RUN_LUA, script], env=environment(100))
    e2e.equal(got.status, 137, f"exit\n{got.stderr}")
    e2e.check(weight(got.profile(), "heavy") > 10, "no Lua functions")


def test_traceback_of_the_programs_own(directory):
    """The functions that a program gives to sigprof_set_traceback are not called under record: its stacks are ours."""
    got = e2e.record(directory, [e2e.target("own_traceback")])
    e2e.equal((got.status, e2e.value(got.stdout, "result"), e2e.value(got.stdout, "calls")), (0, 0, 0), "exit, calls")
    profile = got.profile()
    e2e.check(weight(profile, "work_cpu_ns", "main") > 10, "our stacks")
    e2e.equal(weight(profile, "named_by_plugin"), 0, "samples with its names")


def test_nothing_published(directory):
    need_lua()
    got = e2e.record(directory, [RUN_LUA, "--off", SCRIPT], env=environment(100))
    e2e.equal((got.status, weight(got.profile(), "heavy")), (0, 0), "exit and samples")


if __name__ == "__main__":
    e2e.main(globals())
