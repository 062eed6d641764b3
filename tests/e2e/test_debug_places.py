#!/usr/bin/env python3
"""--debug-dir and --debuginfod: names and lines of files that are somewhere else. Nobody is asked without the flag."""
import contextlib
import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402
import pprof  # noqa: E402
import pprof_edit  # noqa: E402

CPU_MS = 100
PROGRAM = e2e.target("lost_images")
SERVER_STARTS_S = 30
SOURCES = {"lost_images.c"}


class Parts:
    """A program without debug data, its debug file, and its build id."""

    def __init__(self, directory):
        self.directory = directory
        self.program = os.path.join(directory, "bin", "it")
        self.debug = os.path.join(directory, "it.debug")
        os.mkdir(os.path.dirname(self.program))
        for command in (["objcopy", "--only-keep-debug", PROGRAM, self.debug],
                        ["objcopy", "-S", f"--add-gnu-debuglink={self.debug}", PROGRAM, self.program]):
            if shutil.which("objcopy") is None or e2e.run(command).returncode != 0:
                e2e.skip("no objcopy that does it")

    def record(self, *options, **more):
        got = e2e.record(self.directory, [self.program, "spin", CPU_MS], options, **more)
        e2e.equal(got.status, 0, f"exit\n{got.stderr}")
        return got

    def symbolize(self, source, *options, **more):
        """A profile's names anew; what was said."""
        path = os.path.join(self.directory, "named.pb.gz")
        done = e2e.run([e2e.SIGPROF, "symbolize", *options, "-o", path, source], **more)
        e2e.equal(done.returncode, 0, f"exit\n{done.stderr.decode()}")
        return pprof.read(path), done.stderr.decode()

    def bare(self, profile_path):
        """The same profile without names."""
        path = os.path.join(self.directory, "bare.pb")
        with open(path, "wb") as file:
            file.write(pprof_edit.without_names(profile_path))
        return path


def files_of_spin(profile):
    return {os.path.basename(function.filename) for location in profile.locations for function in location.functions
            if function.name == "image_spin"}


def environment(directory, urls):
    """With an empty cache of debuginfod's client."""
    cache = os.path.join(directory, "cache")
    return {**os.environ, "DEBUGINFOD_URLS": urls, "DEBUGINFOD_CACHE_PATH": cache, "DEBUGINFOD_TIMEOUT": "20"}


class Server:
    """An HTTP server on this machine that has nothing, and remembers what it was asked for."""

    def __init__(self):
        self.asked = asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # pylint: disable=invalid-name
                asked.append(self.path)
                self.send_error(404)

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def has_file(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


@contextlib.contextmanager
def debuginfod(directory, build_id):
    """A real server of the files below a directory, once it has those of that build; its address."""
    if shutil.which("debuginfod") is None:
        e2e.skip("there is no debuginfod")
    port = free_port()
    with subprocess.Popen(["debuginfod", "-F", "-t", "0", "-d", ":memory:", "-p", str(port), directory],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=directory) as server:
        try:
            url = f"http://127.0.0.1:{port}"
            for kind in ("debuginfo", "executable"):
                until = time.monotonic() + SERVER_STARTS_S
                while not has_file(f"{url}/buildid/{build_id}/{kind}"):
                    if server.poll() is not None or time.monotonic() > until:
                        e2e.skip("debuginfod does not serve here")
                    time.sleep(0.05)
            yield url
        finally:
            server.terminate()


def need_client():
    """libdebuginfod, which --debuginfod says that it needs."""
    done = e2e.run([e2e.SIGPROF, "symbolize", "--debuginfod", "-o", "-", "/no/such/file"],
                   env={**os.environ, "DEBUGINFOD_URLS": "http://127.0.0.1:1"})
    if b"libdebuginfod1" in done.stderr:
        e2e.skip(done.stderr.decode().strip())


def test_debug_directory(directory):
    """By build id, the program itself as well, and by the link's name behind the program's directory."""
    parts = Parts(directory)
    got = parts.record()
    e2e.equal(files_of_spin(got.profile()), set(), "source files without debug data")
    build_id = got.profile().mappings[0].build_id
    by_id = os.path.join(directory, "by-id")
    os.makedirs(os.path.join(by_id, ".build-id", build_id[:2]))
    shutil.copy(parts.debug, os.path.join(by_id, ".build-id", build_id[:2], build_id[2:] + ".debug"))
    by_name = os.path.join(directory, "by-name")
    os.makedirs(by_name + os.path.dirname(parts.program))
    shutil.copy(parts.debug, by_name + os.path.dirname(parts.program))
    for where in (by_id, by_name):
        options = ["--debug-dir", directory, "--debug-dir", where]
        e2e.equal(files_of_spin(parts.record(*options).profile()), SOURCES, f"source files with {where}")
        e2e.equal(files_of_spin(parts.symbolize(parts.bare(got.path), *options)[0]), SOURCES, f"with {where}")
    elsewhere = os.path.join(by_id, ".build-id", build_id[:2], build_id[2:])
    os.rename(parts.program, elsewhere)
    e2e.equal(files_of_spin(parts.symbolize(parts.bare(got.path), "--debug-dir", by_id)[0]), SOURCES, "elsewhere")
    os.unlink(elsewhere)
    profile, _ = parts.symbolize(parts.bare(got.path), "--debug-dir", by_id)
    e2e.equal(files_of_spin(profile), SOURCES, "with the debug file alone")
    e2e.equal(profile.flat(), got.profile().flat(), "functions with the debug file alone")


def test_debug_directory_that_is_none(directory):
    plain = os.path.join(directory, "file")
    with open(plain, "wb"):
        pass
    for where, why in (("/no/such", "No such file or directory"), (plain, "it is no directory")):
        for command in (["record", "--debug-dir", where, "touch", "made"],
                        ["symbolize", "-i", "--debug-dir", where, plain]):
            done = e2e.run([e2e.SIGPROF, *command], cwd=directory)
            e2e.equal(done.returncode, 2, f"exit of {command}")
            e2e.check(f"sigprof: --debug-dir {where}: {why}\n".encode() in done.stderr, f"{done.stderr!r}")
    e2e.equal(e2e.files_in(directory), ["file"], "files: the command was not started")


def test_debuginfod_has_debug_files_and_programs(directory):
    need_client()
    parts = Parts(directory)
    got = parts.record()
    served = os.path.join(directory, "served")
    os.mkdir(served)
    shutil.copy(parts.program, served)
    os.rename(parts.debug, os.path.join(served, "it.debug"))
    with debuginfod(served, got.profile().mappings[0].build_id) as url:
        env = environment(directory, url)
        e2e.equal(files_of_spin(parts.record("--debuginfod", env=env).profile()), SOURCES, "source files")
        os.unlink(parts.program)
        bare = parts.bare(got.path)
        profile, said = parts.symbolize(bare, env=env)
        e2e.check(f"in {parts.program}: the file is missing" in said, said)
        profile, said = parts.symbolize(bare, "--debuginfod", env=env)
        e2e.equal(files_of_spin(profile), SOURCES, f"source files\n{said}")
        e2e.check("image_spin" in profile.flat(), f"{profile.flat()}")


def test_nobody_is_asked_without_the_flag(directory):
    need_client()
    parts = Parts(directory)
    with Server() as server:
        env = environment(directory, server.url)
        got = parts.record(env=env)
        os.unlink(parts.program)
        parts.symbolize(parts.bare(got.path), env=env)
        e2e.equal(server.asked, [], "what was asked for")
        _, said = parts.symbolize(parts.bare(got.path), "--debuginfod", env=env)
        build_id = got.profile().mappings[0].build_id
        e2e.equal(server.asked.count(f"/buildid/{build_id}/executable"), 1, f"times of {server.asked}")
        e2e.check(f"in {parts.program}: the file is missing" in said and "debuginfod" not in said, said)


def test_servers_that_do_not_answer(directory):
    """One that refuses connections, and one that accepts and is silent: said once, and the rest is done without."""
    need_client()
    parts = Parts(directory)
    got = parts.record()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for port, why in ((free_port(), ""), (silent.getsockname()[1], "no answer")):
            url = f"http://127.0.0.1:{port}"
            env = {**environment(directory, url), "DEBUGINFOD_TIMEOUT": "1", "DEBUGINFOD_RETRY_LIMIT": "1"}
            profile, said = parts.symbolize(parts.bare(got.path), "--debuginfod", env=env)
            e2e.equal(said.count("debuginfod"), 1, f"lines on it in\n{said}")
            e2e.check(f"sigprof: debuginfod ({url}): {why}" in said and "nothing was asked for any more" in said, said)
            e2e.equal(profile.total(), got.profile().total(), "CPU time")


def test_debuginfod_without_servers(directory):
    for urls in ("", "  "):
        for command in (["record", "--debuginfod", "touch", "made"], ["symbolize", "-i", "--debuginfod", "x"]):
            done = e2e.run([e2e.SIGPROF, *command], cwd=directory, env=environment(directory, urls))
            e2e.equal(done.returncode, 2, f"exit of {command}")
            e2e.equal(done.stderr, b"sigprof: --debuginfod asks the servers in the environment's DEBUGINFOD_URLS, "
                      b"which has none\n", "message")
    e2e.equal(e2e.files_in(directory), [], "files: the command was not started")


if __name__ == "__main__":
    e2e.main(globals())
