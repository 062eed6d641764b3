#!/usr/bin/env python3
"""Servers from Debian under the load of their own benchmarks: they give the bare run's result, and the profile has all
the CPU time of theirs and their children's, on Unix sockets only.

About the bounds. Each thread of each process is less than a period off (1 ms here), with sd of half a period at the
most: of 20 threads of a server that uses 1 s, 0.2 %. ±3 % is for what comes after the end of the profile: the exit of
each process, which gives back its memory.
"""
import glob
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402

RATE = ["-F", "1000"]
UP_SECONDS = 60


def answer(command):
    done = e2e.run(command)
    e2e.equal(done.returncode, 0, f"exit of {command[0]}\n{done.stderr.decode(errors='replace')}")
    return done.stdout


class Redis:
    """One busy thread and some for the background. Most of its CPU time is the kernel's, for sockets."""

    def __init__(self, directory):
        self.directory = directory
        self.socket = os.path.join(directory, "socket")
        self.prefix = []
        for program in ("redis-server", "redis-cli", "redis-benchmark"):
            if shutil.which(program) is None:
                e2e.skip(f"{program} is not installed")

    def prepare(self):
        pass

    def command(self):
        return ["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", self.directory, "--save", "",
                "--appendonly", "no", "--enable-debug-command", "yes"]

    def cli(self, *words):
        return ["redis-cli", "-s", self.socket, *words]

    def is_up(self):
        return e2e.run(self.cli("ping")).stdout == b"PONG\n"

    def load(self):
        """The digest of all data after a fixed load."""
        answer(["redis-benchmark", "-s", self.socket, "-q", "-c", "20", "-P", "16", "-n", "800000", "-t",
                "set,incr,lpush"])
        return answer(self.cli("debug", "digest"))

    def stop(self):
        e2e.run(self.cli("shutdown", "nosave"))


class Postgres:
    """A process for each client and each task. It refuses to be root's."""

    def __init__(self, directory, prefix):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres")) or [shutil.which("postgres")]
        if found[-1] is None:
            e2e.skip("postgres is not installed")
        self.programs = os.path.dirname(found[-1])
        if not os.path.exists(self.program("pgbench")):
            e2e.skip("pgbench is not installed")
        self.directory, self.prefix = directory, prefix
        self.data = os.path.join(directory, "data")

    def program(self, name):
        return os.path.join(self.programs, name)

    def prepare(self):
        if os.path.isdir(self.data):
            answer([*self.prefix, "rm", "-r", self.data])
        answer([*self.prefix, self.program("initdb"), "-D", self.data, "-U", "test", "-A", "trust", "--no-sync",
                "--locale=C", "-E", "UTF8"])

    def command(self):
        return [self.program("postgres"), "-D", self.data, "-k", self.directory, "-c", "listen_addresses=", "-c",
                "fsync=off", "-c", "shared_buffers=32MB"]

    def client(self, name, *words):
        return [self.program(name), "-h", self.directory, "-U", "test", *words, "postgres"]

    def is_up(self):
        return e2e.run(self.client("psql", "-c", "select 1")).returncode == 0

    def load(self):
        """The digest of the accounts: sums of what each client has drawn with a fixed seed, in whatever order."""
        answer(self.client("pgbench", "-q", "-i"))
        answer(self.client("pgbench", "-n", "-c", "4", "-t", "1500", "--random-seed=3"))
        digest = "md5(string_agg(abalance::text, ',' order by aid))"
        return answer(self.client("psql", "-At", "-c", f"select {digest}, count(*) from pgbench_accounts"))

    def stop(self):
        e2e.run([*self.prefix, self.program("pg_ctl"), "-D", self.data, "-m", "fast", "stop"])


def wait_until_up(server, process):
    for _ in range(UP_SECONDS * 10):
        e2e.check(process.poll() is None, f"the server has ended: {e2e.signal_text(process.returncode or 0)}")
        if server.is_up():
            return
        time.sleep(0.1)
    e2e.check(False, "the server does not answer")


def run_server(server, command, errors):
    """(exit status, result of the load) of a server from its start to its end; its messages go to a file."""
    server.prepare()
    with open(errors, "wb") as file:
        process = subprocess.Popen([*server.prefix, *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=file)
    try:
        wait_until_up(server, process)
        result = server.load()
    finally:
        server.stop()
        process.wait(timeout=e2e.TIMEOUT_S)
    return process.returncode, result


def check_server(directory, server, sigprof, used, path, unannounced=0):
    """`unannounced`: threads of the server's that nobody tells of. Where such a one ends without a sample, its start
    routine is not known; what it then owes, a period at the most, is lost and said."""
    errors, usage = os.path.join(directory, "errors"), path + ".used"
    status, bare = run_server(server, server.command(), errors)
    e2e.equal(status, 0, "exit of the bare run")
    command = e2e.record_command(path, [used, usage, *server.command()], RATE, sigprof)
    status, recorded = run_server(server, command, errors)
    with open(errors, "rb") as file:
        got = e2e.Recording(subprocess.CompletedProcess(command, status, b"", file.read()), path)
    e2e.equal(status, 0, f"exit\n{got.stderr}")
    e2e.equal(recorded, bare, "the result")
    profile = got.profile()
    no_place = profile.facts["lost.no place.count"][0]
    e2e.equal(got.lost() - no_place, 0, f"lost\n{got.stderr}")
    e2e.check(no_place <= unannounced, f"no place for {no_place}\n{got.stderr}")
    with open(usage, encoding="ascii") as file:
        e2e.within(profile.total(), e2e.value(file.read(), "cpu_ns"), 0.03, 0, f"CPU time, of rusage's\n{got.stderr}")
    return profile


def test_redis(directory):
    path = os.path.join(directory, "out.pb.gz")
    # jemalloc_bg_thd is made by a pthread_create that jemalloc has looked up behind ours.
    check_server(directory, Redis(directory), e2e.SIGPROF, e2e.target("used"), path, unannounced=1)


def test_postgres(directory):
    prefix, sigprof, used, path = e2e.as_nobody(directory, "used")
    server = Postgres(os.path.dirname(path), prefix)
    profile = check_server(directory, server, sigprof, used, path)
    e2e.check(len(profile.by_label("pid")) >= 4, f"processes: {profile.by_label('pid')}")


if __name__ == "__main__":
    e2e.main(globals())
