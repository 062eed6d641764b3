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
                           SELECT i + 1, (x * 1103515245 + 12345) % 2147483648 FROM n WHERE i < 600000)
SELECT count(*), sum(x % 1000), (SELECT group_concat(x % 97) FROM (SELECT x FROM n ORDER BY x DESC LIMIT 20)) FROM n;
"""
THREADS = """
import hashlib, threading
sums = [0] * 4
def work(k):
    for i in range(60000):
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


def cpu_ns_of(command, **options):
    """CPU time of a command by the kernel's account of waited-for children, and its result."""
    before = os.times()
    done = e2e.run(command, **options)
    after = os.times()
    return 1e9 * (after.children_user + after.children_system - before.children_user - before.children_system), done


def check_program(directory, command, options=(), stdin=None):
    """Bare and recorded give the same bytes; totals agree with the kernel; nothing is lost.

    rusage of the recording has sigprof's own CPU time in it too (collecting and symbolizing: it ends last, and is read
    from a recording of `true`), so the bound is 10 % and 150 ms, of a program that uses 1 s and more. Bare and recorded
    runs on a noisy machine differ by more than that, so it is not the bare run's CPU time that is compared.
    """

    def source():
        return {"stdin": open(stdin, "rb")} if stdin else {}  # pylint: disable=consider-using-with

    bare = e2e.run(command, **source())
    e2e.equal(bare.returncode, 0, f"exit of the bare run\n{bare.stderr.decode(errors='replace')}")
    path = os.path.join(directory, "out.pb.gz")
    cpu_ns, done = cpu_ns_of(e2e.record_command(path, command, options), **source())
    got = e2e.Recording(done, path)
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    e2e.equal(hashlib.sha256(got.stdout).hexdigest(), hashlib.sha256(bare.stdout).hexdigest(), "sha256 of the result")
    e2e.check(got.stdout, "no result")
    profile = got.profile()
    e2e.equal(got.lost(), 0, f"lost\n{got.stderr}")
    e2e.within(profile.total(), cpu_ns, 0.10, 150_000_000, f"CPU time in the profile, of rusage's\n{got.stderr}")
    for go in e2e.find_gos():
        e2e.equal(e2e.without_time(e2e.sigprof_top(path)), e2e.without_time(e2e.go_top(go, directory, path)),
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


def test_xz_with_two_threads(directory):
    path = os.path.join(directory, "data")
    words = random.Random(1)
    with open(path, "wb") as file:
        vocabulary = [words.randbytes(words.randrange(2, 12)) for _ in range(3000)]
        file.write(b" ".join(words.choice(vocabulary) for _ in range(500_000)))
    # Blocks of 1 MiB: both threads have work.
    profile = check_program(directory, [need("xz"), "-T2", "--block-size=1MiB", "-3", "-c"], stdin=path)
    check_mapping_leads(directory, "lzma")
    busy = [tid for tid, value in profile.by_label("tid").items() if value > 0.15 * profile.total()]
    e2e.check(len(busy) >= 2, f"threads: {profile.by_label('tid')}")


def test_python_with_threads(directory):
    python = os.path.realpath(sys.executable)
    profile = check_program(directory, [python, "-c", THREADS])
    e2e.check(len(profile.by_label("tid")) >= 4, f"threads: {profile.by_label('tid')}")


def test_python_at_1000_hz(directory):
    check_program(directory, [os.path.realpath(sys.executable), "-c", THREADS], ["-F", "1000"])


if __name__ == "__main__":
    e2e.main(globals())
