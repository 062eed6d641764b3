"""Runs inside gdb: stops the program at random moments and writes, for each, gdb's stack and ours as a line of JSON.

GDB_MOMENTS in the environment is JSON: agent (path of libwalk_agent.so), moments (how many), output (path),
python (path of an interpreter).
"""

import json
import os
import random
import subprocess

import gdb  # pylint: disable=import-error  (gdb brings it)

SHORTEST_S, LONGEST_S = 0.002, 0.030
ATTEMPTS = 4  # as many stops as moments asked for, times this: some are before main, where the agent is not yet there
SIGNAL = "SIGINT"
# By DWARF's numbers.
REGISTERS = ["rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", *[f"r{n}" for n in range(8, 16)], "rip"]
ENDS = ["complete", "cut by depth", "cut by memory", "cut by missing rules"]
PINGER = "import os, sys, time\nfor line in sys.stdin:\n    pid, delay = line.split()\n" \
         "    time.sleep(float(delay))\n    try:\n        os.kill(int(pid), 2)\n    except OSError:\n        pass\n"


def text(address):
    """module+offset of an address, the same for the same address on either side."""
    for low, high, offset, path in maps(gdb.selected_inferior().pid):
        if low <= address < high:
            return f"{os.path.basename(path)}+{address - low + offset:#x}"
    return f"{address:#x}"


def maps(pid):
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        for line in file:
            words = line.split(maxsplit=5)
            low, high = (int(word, 16) for word in words[0].split("-"))
            yield low, high, int(words[2], 16), words[5].strip() if len(words) > 5 else "anon"


def stack_high(pid, pointer):
    return next((high for low, high, _, _ in maps(pid) if low <= pointer < high), 0)


def gdb_stack():
    """(pcs as we count them, function names, why it ended). Frames that are not frames of the machine are left out."""
    pcs, names, is_behind_signal = [], [], False
    frame = last = gdb.newest_frame()
    while frame is not None:
        last = frame
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            # A frame that a signal interrupted has its pc + 1 in ours.
            pcs.append(frame.pc() + is_behind_signal)
            names.append(frame.name() or text(frame.pc()))
            is_behind_signal = frame.type() == gdb.SIGTRAMP_FRAME
        frame = frame.older()
    return pcs, names, gdb.frame_stop_reason_string(last.unwind_stop_reason())


def symbol(name):
    """Address and kind do not need debug information."""
    return int(gdb.parse_and_eval(f"(unsigned long)&{name}"))


class Agent:
    def __init__(self):
        self.at = {name: symbol("walk_agent_" + name) for name in
                   ("registers", "stack_high", "pcs", "depth", "end", "frames", "is_ready")}
        self.process = gdb.selected_inferior()

    def number(self, name, size=4):
        return int.from_bytes(bytes(self.process.read_memory(self.at[name], size)), "little")

    def walk(self):
        """(pcs, end, whether our own walks agree)."""
        frame = gdb.newest_frame()
        values = [int(frame.read_register(name)) % (1 << 64) for name in REGISTERS]
        packed = b"".join(value.to_bytes(8, "little") for value in values)
        self.process.write_memory(self.at["registers"], packed)
        high = stack_high(self.process.pid, values[7])
        self.process.write_memory(self.at["stack_high"], high.to_bytes(8, "little"))
        answer = int(gdb.parse_and_eval("((int (*)(void))walk_agent_walk)()"))
        depth = self.number("depth")
        raw = bytes(self.process.read_memory(self.at["pcs"], 8 * depth))
        pcs = [int.from_bytes(raw[at:at + 8], "little") for at in range(0, len(raw), 8)]
        return pcs, ENDS[self.number("end")], answer == 0


def moment():
    """What to write for the moment that the program stands at; None: the agent is not there yet."""
    try:
        agent = Agent()
        if agent.number("is_ready") != 1:
            return None
    except gdb.error:
        return None
    theirs, names, gdb_end = gdb_stack()
    ours, end, is_steady = agent.walk()
    return {"ours": [text(pc) for pc in ours], "gdb": [text(pc) for pc in theirs], "functions": names, "end": end,
            "gdb_end": gdb_end, "steady": is_steady}


def is_running():
    return gdb.selected_inferior().pid != 0


def main():
    job = json.loads(os.environ["GDB_MOMENTS"])
    for line in ("pagination off", "confirm off", "startup-with-shell off", "print thread-events off",
                 "backtrace past-main on", "backtrace past-entry on", "backtrace limit 5000", "height 0",
                 "unwindonsignal on", f"environment LD_PRELOAD {job['agent']}"):
        gdb.execute("set " + line)
    gdb.execute(f"handle {SIGNAL} stop print nopass", to_string=True)
    random.seed(os.getpid())
    done = 0
    with open(job["output"], "w", encoding="utf-8") as output, \
            subprocess.Popen([job["python"], "-c", PINGER], stdin=subprocess.PIPE, text=True) as pinger:
        for _ in range(ATTEMPTS * job["moments"] + 20):
            if done == job["moments"]:
                break
            if not is_running():
                gdb.execute("file /bin/sh", to_string=True)  # which becomes the program, and gdb follows
                gdb.execute("starti", to_string=True)
            gdb.execute("set scheduler-locking off")
            pinger.stdin.write(f"{gdb.selected_inferior().pid} {random.uniform(SHORTEST_S, LONGEST_S)}\n")
            pinger.stdin.flush()
            gdb.execute("continue", to_string=True)
            if not is_running():
                continue
            gdb.execute("set scheduler-locking on")
            found = moment()
            if found is not None:
                output.write(json.dumps(found) + "\n")
                done += 1
        pinger.stdin.close()
    if is_running():
        gdb.execute("kill", to_string=True)


main()
