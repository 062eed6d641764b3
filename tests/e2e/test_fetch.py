#!/usr/bin/env python3
"""Profiles by HTTP: what is asked for, what is refused, and that each failure is one clear line. Servers are here, on
127.0.0.1: one of Python's, and where there is a Go, one with net/http/pprof.
"""
import contextlib
import ctypes.util
import gzip
import http.server
import json
import os
import re
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402
import go_cache  # noqa: E402
import pprof_encode  # noqa: E402

GO_SERVER = """package main

import (
\t"fmt"
\t"net"
\t"net/http"
\t_ "net/http/pprof"
)

func main() {
\tlistener, err := net.Listen("tcp", "127.0.0.1:0")
\tif err != nil {
\t\tpanic(err)
\t}
\tfmt.Println(listener.Addr())
\tgo func() {
\t\tfor n := 0; ; n++ {
\t\t\tspin(n)
\t\t}
\t}()
\tpanic(http.Serve(listener, nil))
}

var sum int

//go:noinline
func spin(n int) {
\tfor i := 0; i < 1000; i++ {
\t\tsum += n ^ i
\t}
}
"""


def profile_bytes():
    profile = pprof_encode.Profile([("cpu", "nanoseconds")])
    profile.mapping("/usr/bin/prog")
    profile.sample([3 * 10**7], "hot", "main")
    profile.sample([10**7], "cold", "main")
    return gzip.compress(profile.encode())


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):  # pylint: disable=arguments-differ  (nothing is to be logged)
        pass

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):  # pylint: disable=invalid-name  (the library's)
        self.server.asked.append(self.path)
        path = self.path.split("?")[0]
        if path in ("/debug/pprof/profile", "/other"):
            self.answer(200, profile_bytes())
        elif path == "/moved":
            self.answer(302, b"", Location="/other")
        elif path == "/round":
            self.answer(302, b"", Location="/round")
        elif path == "/to_file":
            self.answer(302, b"", Location="file:///etc/passwd")
        elif path == "/page":
            self.answer(200, b"<html>not a profile</html>")
        elif path == "/short":
            self.answer(200, profile_bytes()[:40])
        elif path == "/slow":
            self.server.is_over.wait(e2e.TIMEOUT_S)
        elif path == "/bad":
            self.answer(500, b"Could not enable CPU profiling: \033[2Jalready in use\nand more\n")
        else:
            self.answer(404, b"Unknown profile\n")


@contextlib.contextmanager
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        found.asked, found.is_over = [], threading.Event()
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        try:
            yield found, f"127.0.0.1:{found.server_address[1]}"
        finally:
            found.is_over.set()
            found.shutdown()
            thread.join()


def top(*words, status=0):
    if not any(map(ctypes.util.find_library, ("curl", "curl-gnutls"))):
        e2e.skip("no libcurl")
    env = {name: text for name, text in os.environ.items() if not name.lower().endswith("_proxy")}
    done = e2e.run([e2e.SIGPROF, "top", "--json", *words], env=env)
    said = done.stderr.decode()
    e2e.equal(done.returncode, status, f"exit of sigprof top {words}\n{said}")
    return json.loads(done.stdout) if status == 0 else said


def refused(text, *words):
    """One line says that it is fetched, another why that was not possible."""
    said = top(*words, status=1)
    lines = said.splitlines()
    e2e.equal([line.startswith("sigprof: ") for line in lines], [True, True], f"lines of {said!r}")
    e2e.check(text in lines[1] and lines[1].isprintable(), f"{lines[1]!r} has no {text!r}")


def test_profiles_are_fetched(_):
    with server() as (found, host):
        for word, wanted in ((f"http://{host}/debug/pprof/profile", "/debug/pprof/profile"), (host, "/debug/pprof/profile"),
                             (f"http://{host}/", "/debug/pprof/profile"), (f"http://{host}/other#x", "/other"),
                             (f"{host}/other?a=1&b=", "/other?a=1&b=")):
            e2e.equal(top(word)["total"], 4 * 10**7, f"the total of {word}")
            e2e.equal(found.asked.pop(), wanted, f"what is asked for {word}")
        rows = {row["name"]: row["flat"] for row in top(host, f"{host}/other")["rows"]}
        e2e.equal(rows, {"hot": 6 * 10**7, "cold": 2 * 10**7, "main": 0}, "two that are added up")
        e2e.equal(top(f"--base={host}/other", host)["total"], 0, "the total without the base")


def test_seconds_go_into_the_query(_):
    with server() as (found, host):
        for words, wanted in ((["--seconds=2", f"{host}"], "/debug/pprof/profile?seconds=2"),
                              (["-seconds", "2", f"{host}/other?seconds=9"], "/other?seconds=2"),
                              (["--seconds=2", f"{host}/other?a=1&seconds=9&seconds=8&b=2#c"], "/other?a=1&b=2&seconds=2"),
                              (["--seconds=2", f"{host}/other?xseconds=9"], "/other?xseconds=9&seconds=2"),
                              ([f"{host}/other?seconds=9"], "/other?seconds=9")):
            top(*words)
            e2e.equal(found.asked.pop(), wanted, f"what is asked for {words}")


def test_redirections_are_followed_to_an_end(_):
    with server() as (found, host):
        e2e.equal(top(f"{host}/moved")["total"], 4 * 10**7, "the total")
        e2e.equal(found.asked, ["/moved", "/other"], "what is asked for")
        refused("redirect", f"{host}/round")
        refused("rotocol", f"{host}/to_file")


def test_answers_that_are_no_profile_are_told(_):
    with server() as (_, host):
        refused("the server answers 404: Unknown profile", f"http://{host}/debug/pprof/nothing")
        refused("the server answers 500: Could not enable CPU profiling", f"{host}/bad")
        refused("not a profile", f"{host}/page")
        refused(host, f"{host}/short")
        refused("imeout", "--timeout=1", f"{host}/slow")


def test_nobody_there_is_told(_):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        refused("connect", f"http://127.0.0.1:{taken.getsockname()[1]}/debug/pprof/profile")


def test_file_of_an_address_s_name_is_a_file(directory):
    path = os.path.join(directory, "host:80")
    with open(path, "wb") as file:
        file.write(profile_bytes())
    done = e2e.run([e2e.SIGPROF, "top", "host:80"], cwd=directory)
    e2e.equal((done.returncode, done.stderr), (0, b""), "exit and stderr")


def go_server(directory):
    gos = e2e.find_gos()
    if not gos:
        e2e.skip("no go")
    source, program = os.path.join(directory, "server.go"), os.path.join(directory, "server")
    with open(source, "w", encoding="utf-8") as file:
        file.write(GO_SERVER)
    env = {**os.environ, "GOCACHE": go_cache.path(), "GOFLAGS": "", "HOME": directory,
           "GOTOOLCHAIN": "local", "GO111MODULE": "off"}
    done = e2e.run([gos[0], "build", "-o", program, source], env=env, cwd=directory, timeout=4 * e2e.TIMEOUT_S)
    e2e.equal(done.returncode, 0, f"exit of go build\n{done.stderr.decode()}")
    return subprocess.Popen([program], stdout=subprocess.PIPE)


def test_go_server_is_profiled(directory):
    child = go_server(directory)
    try:
        host = child.stdout.readline().decode().strip()
        found = top("--seconds=1", host)
        e2e.check(any(re.search("main.spin", row["name"]) for row in found["rows"]), f"{found['rows']}")
        e2e.equal(top(f"http://{host}/debug/pprof/heap")["type"], "inuse_space", "type of the heap's profile")
        refused("Unknown profile", f"http://{host}/debug/pprof/nothing")
    finally:
        child.kill()
        child.wait()


if __name__ == "__main__":
    e2e.main(globals())
