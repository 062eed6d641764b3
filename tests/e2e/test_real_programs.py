#!/usr/bin/env python3
"""Programs from Debian: recorded, they give the result of a bare run, and all their CPU time is in the profile."""
import hashlib
import os
import random
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402

QUERY = """
WITH RECURSIVE n(i, x) AS (SELECT 1, 1 UNION ALL
                           SELECT i + 1, (x * 1103515245 + 12345) % 2147483648 FROM n WHERE i < 6000000)
SELECT count(*), sum(x % 1000), (SELECT group_concat(x % 97) FROM (SELECT x FROM n ORDER BY x DESC LIMIT 20)) FROM n;
"""
THREADS = """
import hashlib, threading
sums = [0] * 4
def work(k):
    for i in range(240000):
        sums[k] = (sums[k] * 31 + hashlib.sha256(b"%d %d" % (k, i) * 400).digest()[0]) % 1000003
threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sums)
"""


def need(name):
    path = shutil.which(name)
    if path is None:
        e2e.skip(f"{name} is not installed")
    return path


def check_program(directory, command, options=(), stdin=None):
    """Bare and recorded give the same bytes; totals agree with the kernel; nothing is lost.

    The kernel's account is that of the recorded run, by tests/targets/used.c in front of the program: bare and recorded
    runs on a noisy machine differ by more than 3 %. Each thread is less than a period off, with sd of half of one at
    the most: of 5 threads that use 2 s at 100 Hz, 11 ms or 0.6 %.
    """

    def source():
        return {"stdin": open(stdin, "rb")} if stdin else {}  # pylint: disable=consider-using-with

    bare = e2e.run(command, **source())
    e2e.equal(bare.returncode, 0, f"exit of the bare run\n{bare.stderr.decode(errors='replace')}")
    used = os.path.join(directory, "used")
    got = e2e.record(directory, [e2e.target("used"), used, *command], options, **source())
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    e2e.equal(hashlib.sha256(got.stdout).hexdigest(), hashlib.sha256(bare.stdout).hexdigest(), "sha256 of the result")
    e2e.check(got.stdout, "no result")
    profile = got.profile()
    e2e.equal(got.lost(), 0, f"lost\n{got.stderr}")
    with open(used, encoding="ascii") as file:
        e2e.within(profile.total(), e2e.value(file.read(), "cpu_ns"), 0.03, 0, f"CPU time, of rusage's\n{got.stderr}")
    for go in e2e.find_gos():
        e2e.equal(e2e.without_time(e2e.sigprof_top(got.path)), e2e.without_time(e2e.go_top(go, directory, got.path)),
                  f"sigprof top beside {go} tool pprof -top")
    return profile


def check_mapping_leads(directory, word):
    """The program's own code is on top: by a function's name, or as [file] where Debian has stripped the names."""
    path = os.path.join(directory, "out.pb.gz")
    table = e2e.sigprof_top(path)
    first = table[[line.split()[:2] for line in table].index(["flat", "flat%"]) + 1].split()[-1]
    own = [mapping for mapping in e2e.pprof.read(path).mappings if word in mapping.file.rsplit("/", 1)[-1]]
    e2e.check(own, f"no mapping of {word}")
    e2e.check(first.startswith(word) or any(first == f"[{mapping.file.rsplit('/', 1)[-1]}]" for mapping in own),
              f"first is {first}:\n" + "\n".join(table))


def test_sqlite3(directory):
    check_program(directory, [need("sqlite3"), ":memory:", QUERY])
    check_mapping_leads(directory, "sqlite3")


def text_file(directory, copies):
    """3.7 MB of words, some times over: farther apart than the programs look for repetitions."""
    path = os.path.join(directory, "data")
    words = random.Random(1)
    with open(path, "wb") as file:
        vocabulary = [bytes(words.choices(b"etaoinshrdlu", k=words.randrange(2, 12))) for _ in range(3000)]
        file.write(copies * b" ".join(words.choices(vocabulary, k=500_000)))
    return path


def check_two_busy(profile):
    busy = [tid for tid, value in profile.by_label("tid").items() if value > 0.15 * profile.total()]
    e2e.check(len(busy) >= 2, f"threads: {profile.by_label('tid')}")


def test_xz_with_two_threads(directory):
    # Blocks of 1 MiB: both threads have work.
    command = [need("xz"), "-T2", "--block-size=1MiB", "-3", "-c"]
    check_two_busy(check_program(directory, command, stdin=text_file(directory, 4)))
    check_mapping_leads(directory, "lzma")


def test_pigz_with_two_threads(directory):
    check_two_busy(check_program(directory, [need("pigz"), "-p2", "-9", "-n", "-c"], stdin=text_file(directory, 16)))


def test_python_with_threads(directory):
    python = os.path.realpath(sys.executable)
    profile = check_program(directory, [python, "-c", THREADS])
    e2e.check(len(profile.by_label("tid")) >= 4, f"threads: {profile.by_label('tid')}")


def test_python_at_1000_hz(directory):
    check_program(directory, [os.path.realpath(sys.executable), "-c", THREADS], ["-F", "1000"])


if __name__ == "__main__":
    e2e.main(globals())
