#!/usr/bin/env python3
"""How long the prompt takes to come back: from the recorded command's end to the end of `sigprof record`.

usage: bench_prompt.py [ROUNDS [ROWS]]     aim: at most 0.5 s, with the C library's debug data (libc6-dbg) installed

In that time the last samples are collected, all addresses get their names, and the profile is written. The command is
sqlite3, which sorts, groups and searches ROWS rows for some 5 s. Its end is when its pidfd tells it; that needs its
process id, which a shell writes down before it becomes sqlite3.
"""
import os
import re
import select
import subprocess
import sys
import tempfile
import time

import bench_tools

AIM = 0.5
HZ = (100, 1000)
WORK = """
CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c REAL);
INSERT INTO t SELECT value, printf('%%x-%%d', value * 7919 %% 1000003, value), value / 3.0 FROM generate_series(1, %d);
CREATE INDEX i ON t(b);
SELECT count(*), sum(length(b)), max(c) FROM t WHERE b LIKE '%%7%%';
SELECT substr(b, 1, 2) AS k, count(*), avg(c) FROM t GROUP BY k ORDER BY avg(c) LIMIT 3;
SELECT count(*) FROM t x JOIN t y ON x.b = y.b WHERE y.c > x.a / 4.0;
SELECT json_extract(json_object('a', a, 'b', b), '$.b') AS j FROM t ORDER BY j DESC LIMIT 3;
"""


def names_of_libc():
    """Whether the C library's debug data is there."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        path = re.search(r"\S+/libc\.so\.6$", maps.read(), re.MULTILINE)
    notes = subprocess.run(["readelf", "-n", path[0]], stdout=subprocess.PIPE, text=True, check=False).stdout if path else ""
    build_id = re.search(r"Build ID: (\w\w)(\w+)", notes)
    return bool(build_id) and os.path.exists(f"/usr/lib/debug/.build-id/{build_id[1]}/{build_id[2]}.debug")


def time_end(command, pid_file):
    """Runs `command`; seconds from the end of the process in `pid_file`, which is one of its own, to its own."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as run:
        while True:
            try:
                with open(pid_file, encoding="ascii") as file:
                    child = int(file.read())
                break
            except (OSError, ValueError):
                if run.poll() is not None:
                    raise SystemExit(run.stderr.read().decode()) from None
                time.sleep(0.01)
        handle = os.pidfd_open(child)
        began = time.monotonic()
        select.select([handle], [], [])
        ended = time.monotonic()
        os.close(handle)
        if run.wait() != 0:
            raise SystemExit(run.stderr.read().decode())
        return ended - began, time.monotonic() - ended


def measure(hz, work, rounds):
    ran, waited = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as directory:
            pid_file = os.path.join(directory, "pid")
            shell = ["sh", "-c", 'echo $$ >"$1" && exec sqlite3 :memory: "$2"', "sh", pid_file, work]
            one = time_end([*bench_tools.record(os.path.join(directory, "profile.pb.gz"), hz), *shell], pid_file)
        ran.append(one[0])
        waited.append(one[1])
    return ran, waited


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else 2_500_000
    bench_tools.print_machine()
    print(f"{rounds} rounds; medians, in brackets the quartiles; the C library's debug data is "
          f"{'there' if names_of_libc() else 'NOT there'}\n")
    results = {hz: measure(hz, WORK % rows, rounds) for hz in HZ}
    bench_tools.print_table(["sqlite3", "it runs, s", "then the prompt takes, ms"], [
        [f"{hz} Hz", "%.1f" % bench_tools.median(ran), bench_tools.quartiles([1000 * x for x in waited], "%.0f")]
        for hz, (ran, waited) in results.items()])
    print()
    for hz, (_, waited) in results.items():
        print(bench_tools.verdict(f"seconds to the prompt, {hz} Hz", waited, AIM))


main()
