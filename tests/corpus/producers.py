"""Profiles that real producers write: Go's runtime, gperftools' libprofiler, and sigprof.

Each function writes into a folder and gives the files' names; it gives none, and says so, where its producer is not
installed. What was built for them is removed afterwards, so that no reader finds names there that the profile has not.
"""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TARGETS = os.path.join(os.path.dirname(HERE), "targets")
GO_KINDS = ["cpu", "heap", "allocs", "mutex", "block", "goroutine", "threadcreate"]
PERL = ("sub fib { my $n = shift; $n < 2 ? $n : fib($n - 1) + fib($n - 2) } my %h; "
        "for (1 .. 60) { fib(17); $h{$_ % 97} .= join ',', sort { $b <=> $a } map { $_ * 7 % 101 } 1 .. 300 }")
SQL = ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000) "
       "SELECT count(*), sum(length(hex(i))), max(i * 7 % 101) FROM n GROUP BY i % 13 ORDER BY 2;")


class Missing(Exception):
    """A producer that is not installed."""


def run(command, **options):
    options.setdefault("stdout", subprocess.PIPE)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, check=False, timeout=300,
                          **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{(done.stdout or b'').decode(errors='replace')}")


def find_go():
    for go in [shutil.which("go"), "/usr/local/go/bin/go", *sorted(glob.glob("/usr/lib/go-*/bin/go"))]:
        if go and os.access(go, os.X_OK):
            return go
    raise Missing("no go")


def go_environment(cache):
    """Nothing is downloaded, and nobody's settings matter."""
    keep = {key: value for key, value in os.environ.items() if not key.startswith("GO")}
    return {**keep, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOPROXY": "off", "GO111MODULE": "on",
            "GOCACHE": cache, "GOPATH": os.path.join(cache, "path")}


def go_profiles(folder, scratch, cache):
    program = os.path.join(scratch, "go_program")
    run([find_go(), "build", "-o", program, "."], cwd=os.path.join(HERE, "go_program"), env=go_environment(cache))
    run([program, folder])
    return [f"go_{kind}.pb.gz" for kind in GO_KINDS]


def compile_c(source, program, *options):
    compiler = shutil.which(os.environ.get("CC", "cc").split()[0]) or shutil.which("cc")
    if compiler is None:
        raise Missing("no C compiler")
    run([compiler, "-g", "-O2", "-fno-omit-frame-pointer", "-o", program, source, *options])


def gperftools_profiles(folder, scratch, _cache):
    program = os.path.join(scratch, "gperf_calls")
    if not os.path.exists("/usr/include/gperftools/profiler.h"):
        raise Missing("no gperftools (libgoogle-perftools-dev)")
    compile_c(os.path.join(TARGETS, "gperf_calls.c"), program, "-D_GNU_SOURCE", "-fno-stack-protector", "-rdynamic",
              "-pthread", "-lprofiler", "-ldl")
    run([program, "profile", "gperf.prof"], cwd=folder, env={**os.environ, "CPUPROFILE_FREQUENCY": "500"})
    return ["gperf.prof"]


def sigprof_profiles(folder, scratch, _cache):
    sigprof = os.environ.get("SIGPROF", "")
    if not sigprof:
        raise Missing("SIGPROF is not set")
    program = os.path.join(scratch, "inlines")
    compile_c(os.path.join(HERE, "inlines.c"), program)
    runs = {"sigprof_c.pb.gz": [program, "300"]}
    if shutil.which("perl"):
        runs["sigprof_perl.pb.gz"] = [shutil.which("perl"), "-e", PERL]
    if shutil.which("sqlite3"):
        runs["sigprof_sqlite.pb.gz"] = [shutil.which("sqlite3"), ":memory:", SQL]
    for name, command in runs.items():
        run([sigprof, "record", "-F", "500", "-o", os.path.join(folder, name), "--", *command])
    return list(runs)


def all_profiles(folder, cache):
    """The files' names, and why others are missing."""
    files, missing = [], []
    for producer in (go_profiles, gperftools_profiles, sigprof_profiles):
        scratch = tempfile.mkdtemp(prefix="sigprof-corpus-")
        try:
            files += producer(folder, scratch, cache)
        except Missing as why:
            missing.append(f"{producer.__name__}: {why}")
        finally:
            shutil.rmtree(scratch)
    return files, missing
