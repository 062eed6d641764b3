"""Runs inside gdb: lets a signal stop the program at random moments and writes, for each, gdb's stack and ours as a
line of JSON. What the signal does is tests/targets/walk_agent.c.

GDB_MOMENTS in the environment is JSON: agent (path of libwalk_agent.so), moments (how many), output (path),
python (path of an interpreter).
"""

import json
import os
import random
import subprocess

import gdb  # pylint: disable=import-error  (gdb brings it)

SHORTEST_S, LONGEST_S = 0.002, 0.030
ATTEMPTS = 4  # stops, for each moment that is asked for: the program may end before the signal comes
SIGNAL = 63
ENDS = ["complete", "cut by depth", "cut by memory", "cut by missing rules"]
PINGER = f"""
import os, sys, time
for line in sys.stdin:
    pid, delay = line.split()
    time.sleep(float(delay))
    try:
        os.kill(int(pid), {SIGNAL})
    except OSError:
        pass
"""


def maps(pid):
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        for line in file:
            words = line.split(maxsplit=5)
            low, high = (int(word, 16) for word in words[0].split("-"))
            yield low, high, int(words[2], 16), words[5].strip() if len(words) > 5 else "anon"


def text(address, mappings):
    """file+offset of an address."""
    for low, high, offset, path in mappings:
        if low <= address < high:
            return f"{os.path.basename(path)}+{address - low + offset:#x}"
    return f"{address:#x}"


def frames():
    """gdb's, newest first, without those that are none of the machine's."""
    frame = gdb.newest_frame()
    while frame is not None:
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            yield frame
        frame = frame.older()


def gdb_stack():
    """(pcs as we count them, function names, why it ended), from the frame that the signal has interrupted."""
    pcs, names, last = [], [], None
    is_interrupted = is_first = False
    for frame in frames():
        if is_interrupted or pcs:
            # A frame that a signal has interrupted has its pc + 1 in ours, but for the first.
            pcs.append(frame.pc() + (is_interrupted and not is_first))
            names.append(frame.name())
            is_first = False
        else:
            is_first = True
        is_interrupted = frame.type() == gdb.SIGTRAMP_FRAME
        last = frame
    return pcs, names, gdb.frame_stop_reason_string(last.unwind_stop_reason())


def number(name):
    """The value of a 32-bit variable, and the address of any; debug information is not needed."""
    return int(gdb.parse_and_eval(f"*(unsigned int *)&walk_agent_{name}"))


def our_stack():
    depth = number("depth")
    at = int(gdb.parse_and_eval("(unsigned long)&walk_agent_pcs"))
    raw = bytes(gdb.selected_inferior().read_memory(at, 8 * depth))
    return [int.from_bytes(raw[i:i + 8], "little") for i in range(0, len(raw), 8)], ENDS[number("end")]


def moment():
    """What to write for the moment that the signal has interrupted."""
    mappings = list(maps(gdb.selected_inferior().pid))
    theirs, names, gdb_end = gdb_stack()
    ours, end = our_stack()
    return {"ours": [text(pc, mappings) for pc in ours], "gdb": [text(pc, mappings) for pc in theirs],
            "functions": [name or text(pc, mappings) for name, pc in zip(names, theirs)], "end": end,
            "gdb_end": gdb_end, "steady": number("is_steady") == 1}


def function():
    return gdb.newest_frame().name() if gdb.selected_inferior().pid != 0 else None


def is_shell(pid):
    return os.path.realpath(f"/proc/{pid}/exe") == os.path.realpath("/bin/sh")


def start():
    """Runs the program, which the shell becomes, until the agent is ready in it."""
    gdb.execute("file /bin/sh", to_string=True)
    gdb.execute("run", to_string=True)
    while function() == "walk_agent_ready" and is_shell(gdb.selected_inferior().pid):
        gdb.execute("continue", to_string=True)


def go_on(pinger):
    """Until the signal comes and the agent has walked. False: the program has ended, or done something else."""
    pinger.stdin.write(f"{gdb.selected_inferior().pid} {random.uniform(SHORTEST_S, LONGEST_S)}\n")
    pinger.stdin.flush()
    gdb.execute("continue", to_string=True)
    return function() == "walk_agent_done"


def main():
    job = json.loads(os.environ["GDB_MOMENTS"])
    for line in ("pagination off", "confirm off", "startup-with-shell off", "print thread-events off",
                 "backtrace past-main on", "backtrace past-entry on", "backtrace limit 5000", "height 0",
                 "breakpoint pending on", f"environment LD_PRELOAD {job['agent']}"):
        gdb.execute("set " + line)
    gdb.execute(f"handle SIG{SIGNAL} nostop noprint pass", to_string=True)
    for name in ("walk_agent_ready", "walk_agent_done"):
        gdb.execute(f"break {name}", to_string=True)
    random.seed(os.getpid())
    done = 0
    with open(job["output"], "w", encoding="utf-8") as output, \
            subprocess.Popen([job["python"], "-c", PINGER], stdin=subprocess.PIPE, text=True) as pinger:
        for _ in range(ATTEMPTS * job["moments"] + 20):
            if done == job["moments"]:
                break
            if function() is None:
                start()
            elif go_on(pinger):
                output.write(json.dumps(moment()) + "\n")
                done += 1
        pinger.stdin.close()
    if function() is not None:
        gdb.execute("kill", to_string=True)


main()
