#!/usr/bin/env python3
"""Four C threads with 40, 30, 20 and 10 % of the CPU time, as sigprof and others see them. See four_shares.c.

usage: bench_shares.py [CPU_SECONDS [ROUNDS]]

Each tool's profile is read by the tool's own report. The total is compared with the process's CPU clock, the shares of
the four functions among themselves with 40/30/20/10; what a tool itself says to have lost stands beside it. Of several
rounds the medians are shown, and of the errors the worst.
"""
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import typing

import bench_tools

HERE = os.path.dirname(os.path.abspath(__file__))
EXACT = {"burn_40": 40, "burn_30": 30, "burn_20": 20, "burn_10": 10}
PPROF_ROW = re.compile(r"\s*\S+\s+[\d.]+%\s+[\d.]+%\s+\S+\s+([\d.]+)%\s+(.+)")  # cum% and name
UNITS_NS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "mins": 60e9}


class Finding(typing.NamedTuple):
    percents: dict   # function: percent of the profile
    total_ns: float  # of the profile
    lost_ns: float   # what the tool says of it; None: nothing
    remark: str = ""


class Tool(typing.NamedTuple):
    title: str
    command: list                                 # a run that writes `profile`
    read: typing.Callable[[], Finding]            # the profile that it wrote


def output_of(command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def percents_of(report):
    """Of the table that pprof -top, google-pprof --text and `sigprof top` print."""
    rows = map(PPROF_ROW.match, report.splitlines())
    return {row[2]: float(row[1]) for row in rows if row}


def read_sigprof(profile, trigger):
    sigprof = os.environ["SIGPROF"]
    ledger = bench_tools.ledger(profile)
    lost = sum(loss["weight"] for loss in ledger["samples"]["lost"].values())
    used = ledger["trigger"]["used"]
    return Finding(percents_of(output_of([sigprof, "top", "-n", "100", profile])), ledger["cpu"]["recorded_ns"],
                   lost * ledger["period_ns"], "" if used == trigger else f"trigger {used}")


def sigprof(directory, program, hz, trigger):
    profile = os.path.join(directory, f"sigprof.{hz}.pb.gz")
    return Tool(f"sigprof, {hz} Hz, {trigger}", bench_tools.record(profile, hz, f"--trigger={trigger}") + program,
                functools.partial(read_sigprof, profile, trigger))


def read_gperftools(program, profile, hz):
    report = output_of(["google-pprof", "--text", program, profile]) if os.path.exists(profile) else ""
    samples = re.search(r"Total: (\d+) samples", report)
    return Finding(percents_of(report), int(samples[1]) * 1e9 / hz if samples else 0, None)


def gperftools(directory, program, hz):
    """In its default mode; with a timer for each thread, of threads as they are; and of threads that register."""
    timers = "CPUPROFILE_PER_THREAD_TIMERS=1"
    for mode, settings, arguments in (("default", [], []), ("per thread", [timers], []),
                                      ("per thread, registered", [timers], ["register"])):
        profile = os.path.join(directory, f"gperftools.{hz}.{mode}")
        yield Tool(f"gperftools, {hz} Hz, {mode}",
                   bench_tools.gperftools(profile, hz, *settings) + program + arguments,
                   functools.partial(read_gperftools, program[0], profile, hz))


def read_perf(profile):
    report = output_of(["perf", "report", "--stdio", "-F", "period,sym", "-t,", "-i", profile])
    periods = {name: int(period) for period, name in re.findall(r"^\s*(\d+)\s*,\[.\] (\S+)", report, re.M)}
    total = sum(periods.values())
    lost = int(re.search(r"Total Lost Samples: (\d+)", report)[1])
    return Finding({name: 100 * period / total for name, period in periods.items()}, total, lost * 1e9 / 997)


def perf(directory, program):
    profile = os.path.join(directory, "perf.data")
    record = ["perf", "record", "-q", "-F", "997", "-e", "cpu-clock", "-o", profile]
    return Tool("perf record, 997 Hz", record + program, functools.partial(read_perf, profile))


def build_go(directory):
    """A package of main.go and of the load in C, which cgo compiles."""
    package, program = os.path.join(directory, "go"), os.path.join(directory, "go_shares")
    shutil.copytree(os.path.join(HERE, "go_shares"), package)
    for name in ("four_shares.c", "four_shares.h"):
        shutil.copy(os.path.join(HERE, name), package)
    flags = f"-g -O2 -fno-omit-frame-pointer -D_GNU_SOURCE -I{os.path.join(HERE, '..', 'src')}"
    subprocess.run(["go", "build", "-o", program, "."], cwd=package, check=True,
                   env=os.environ | {"GO111MODULE": "off", "CGO_ENABLED": "1", "CGO_CFLAGS": flags})
    return program


def read_go(program, profile):
    report = output_of(["go", "tool", "pprof", "-top", "-nodefraction=0", program, profile])
    total = re.search(r"Total samples = ([\d.]+)([a-z]+)", report)
    total_ns = float(total[1]) * UNITS_NS[total[2]]
    percents = percents_of(report)
    lost = sum(percent for name, percent in percents.items() if name.startswith("runtime._Lost"))
    return Finding(percents, total_ns, total_ns * lost / 100)


def go(directory, seconds):
    program, profile = build_go(directory), os.path.join(directory, "go.prof")
    return Tool("Go, cgo, 100 Hz", [program, seconds, profile], functools.partial(read_go, program, profile))


def tools_in(directory, seconds):
    """Those that are installed; the others are said."""
    program = [bench_tools.program("burn_shares"), seconds]
    yield from (sigprof(directory, program, hz, trigger)
                for hz, trigger in ((100, "timer"), (1000, "timer"), (10000, "perf")))
    if bench_tools.gperftools("", 0) and shutil.which("google-pprof"):
        yield from (tool for hz in (100, 1000) for tool in gperftools(directory, program, hz))
    else:
        print("gperftools: not installed")
    if shutil.which("go"):
        yield go(directory, seconds)
    else:
        print("Go: not installed")
    if shutil.which("perf"):
        yield perf(directory, program)
    else:
        print("perf: not installed")


def measure(tool):
    """(Finding, the kernel's CPU time in ns), or None where the tool does not run here, which is said."""
    try:
        kernel_ns = bench_tools.run(tool.command).values["process"]
        return tool.read(), kernel_ns
    except (bench_tools.Failed, subprocess.CalledProcessError) as why:
        print(f"{tool.title}: does not run here: {why}")
        return None


def shares_of(finding):
    """Of the four functions among themselves, in percent; None where none of them was seen."""
    found = [finding.percents.get(name, 0) for name in EXACT]
    return [100 * share / sum(found) for share in found] if any(found) else None


def row_of(tool, findings):
    totals = [100 * finding.total_ns / kernel_ns for finding, kernel_ns in findings]
    shares = [found for finding, _ in findings if (found := shares_of(finding))]
    losses = [100 * finding.lost_ns / kernel_ns for finding, kernel_ns in findings if finding.lost_ns is not None]
    errors = [abs(share - exact) for found in shares for share, exact in zip(found, EXACT.values())]
    return [tool.title, "%.2f" % bench_tools.median(totals), "%+.2f" % max((x - 100 for x in totals), key=abs),
            " / ".join("%.1f" % bench_tools.median(column) for column in zip(*shares)) or "none",
            "%.2f" % max(errors) if errors else "-", "%.2f" % bench_tools.median(losses) if losses else "-",
            findings[0][0].remark]


def main():
    seconds = sys.argv[1] if len(sys.argv) > 1 else "10"
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    bench_tools.print_machine()
    with tempfile.TemporaryDirectory() as directory:
        tools = list(tools_in(directory, seconds))
        measured = [(tool, measure(tool)) for _ in range(rounds) for tool in tools]
    print(f"{rounds} rounds of {seconds} s of CPU time; medians, and the worst of the errors\n")
    rows = []
    for tool in tools:
        findings = [finding for of, finding in measured if of is tool and finding]
        if findings:
            rows.append(row_of(tool, findings))
    bench_tools.print_table(["", "total, % of the kernel's", "error, %", "shares found", "error, points",
                             "said lost, %", ""], rows)


main()
