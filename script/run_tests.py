#!/usr/bin/env python3
"""Builds and tests the tree in each configuration; the work of script/test after its setup.

A configuration is a build directory under build-test/ with its own compiler, options and suites. Every test that Meson
ran counts, as does each of the checks; a configuration that does not build counts as one failure, one whose tools are
not there as one skip. The last line on stdout is "N passed, N failed, N skipped".
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TAIL_LINES = 30  # of the output of what failed
BUILD_SECONDS = 400
TEST_SECONDS = 900

TEST_ENVIRONMENT = {
    "SIGPROF_GO_CACHE": os.path.join(ROOT, "build-test", "go-cache"),  # what Go compiles is the same for each
    "ASAN_OPTIONS": "abort_on_error=1:detect_stack_use_after_return=0:strict_string_checks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


class Configuration:
    """How to build, what to run."""

    def __init__(self, name, compiler, options, suites=(), wrapper=(), reason=None, cross=None, without=(),
                 builds_all=True):
        self.name = name
        self.compiler = compiler
        self.options = [*options, "-Dwerror=true"]
        self.suites = suites  # none: all tests
        self.without = without  # suites to leave out
        self.wrapper = list(wrapper)
        self.reason = reason  # why it cannot run here; None: it can
        self.cross = cross
        self.builds_all = builds_all  # and not what the tests need alone


class Counts:
    """What came of the tests so far."""

    def __init__(self):
        self.passed = 0
        self.failed = []  # (where, output)
        self.skipped = []  # (where, reason)

    def add_failure(self, where, output):
        self.failed.append((where, output))

    def add_skip(self, where, reason):
        self.skipped.append((where, reason))


def missing_tool(*names):
    missing = [name for name in names if not shutil.which(name)]
    return f"not installed: {', '.join(missing)}" if missing else None


def compiles(command, *flags):
    """Whether the compiler can make and link a program with the flags."""
    try:
        result = subprocess.run([*command.split(), *flags, "-x", "c", "-", "-o", "/dev/null"],
                                input="int main(void) { return 0; }", capture_output=True, text=True, check=False)
        return result.returncode == 0
    except OSError:
        return False


def without_address_randomisation():
    """A prefix under which TSan finds its fixed addresses free, where the system permits it."""
    command = ["setarch", os.uname().machine, "-R"]
    try:
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
            return command
    except OSError:
        pass
    return []


def cross_reason():
    reason = missing_tool("aarch64-linux-gnu-gcc", "qemu-aarch64")
    if reason:
        return reason
    if os.uname().machine != "x86_64":
        return "not an x86-64 machine"
    if not compiles("aarch64-linux-gnu-gcc", "-ldw", "-lelf", "-ldeflate", "-liberty"):
        return "the arm64 libraries are not installed (libdw-dev:arm64 and so on)"
    return None


def configurations():
    clang = missing_tool("clang")
    sanitize = None if compiles("gcc", "-fsanitize=address,undefined") else "gcc has no address sanitizer here"
    thread = None if compiles("gcc", "-fsanitize=thread") else "gcc has no thread sanitizer here"
    return [
        Configuration("gcc", "gcc", []),
        Configuration("clang", "clang", [], reason=clang, without=["kernel", "symbols"]),
        Configuration("sanitize", "gcc", ["-Db_sanitize=address,undefined", "-Db_lundef=false"],
                      ["unit", "sanitize"], reason=sanitize, builds_all=False),
        Configuration("tsan", "gcc", ["-Db_sanitize=thread", "-Db_lundef=false"], ["tsan"],
                      without_address_randomisation(), reason=thread, builds_all=False),
        Configuration("aarch64", None, [], ["handler"], reason=cross_reason(), cross="script/aarch64.cross"),
    ]


def run(command, seconds, extra_environment=None):
    """(exit code, all output) of a command; on a timeout its process group, which is ours, is ended."""
    environment = {**os.environ, **(extra_environment or {})}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
            return process.returncode, output
        except (subprocess.TimeoutExpired, KeyboardInterrupt) as error:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                output, _ = process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                output, _ = process.communicate()
            if isinstance(error, KeyboardInterrupt):
                raise
            return -1, f"{output}\nended after {seconds} s\n"


def set_up(configuration, directory):
    """Makes the build directory, anew where its options changed: (exit code, output)."""
    command = ["meson", "setup", *configuration.options]
    if configuration.cross:
        command += ["--cross-file", configuration.cross]
    wanted = " ".join([configuration.compiler or "", *command])
    stamp = os.path.join(directory, ".setup")
    try:
        with open(stamp, encoding="utf-8") as file:
            if file.read() == wanted and os.path.exists(os.path.join(directory, "build.ninja")):
                return 0, ""
    except OSError:
        pass
    shutil.rmtree(directory, ignore_errors=True)
    environment = {"CC": configuration.compiler} if configuration.compiler else {}
    code, output = run([*command, directory], BUILD_SECONDS, environment)
    if code == 0:
        with open(stamp, "w", encoding="utf-8") as file:
            file.write(wanted)
    return code, output


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def read_log(configuration, path, counts):
    """Counts what testlog.json says; returns how many tests there were."""
    tests = 0
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [json.loads(line) for line in file if line.strip()]
    except (OSError, ValueError):
        return 0
    for test in lines:
        tests += 1
        where = f"{configuration.name}: {test.get('name', '?')}"
        output = (test.get("stdout") or "") + (test.get("stderr") or "")
        result = test.get("result")
        if result in ("OK", "EXPECTEDFAIL"):
            counts.passed += 1
        elif result == "SKIP":
            counts.add_skip(where, last_line(test.get("stdout") or "") or last_line(output) or "no reason given")
        else:
            counts.add_failure(f"{where} ({result}, exit {test.get('returncode')})", output)
    return tests


def run_configuration(configuration, counts):
    if configuration.reason:
        counts.add_skip(configuration.name, configuration.reason)
        return
    directory = os.path.join("build-test", configuration.name)
    code, output = set_up(configuration, os.path.join(ROOT, directory))
    if code == 0 and configuration.builds_all:
        code, output = run(["ninja", "-C", directory], BUILD_SECONDS)
    if code != 0:
        counts.add_failure(f"{configuration.name}: does not build", output)
        return
    log = os.path.join(ROOT, directory, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.remove(log)
    command = [*configuration.wrapper, "meson", "test", "-C", directory, "--print-errorlogs"]
    if configuration.builds_all:
        command.append("--no-rebuild")
    for suite in configuration.suites:
        command += ["--suite", suite]
    for suite in configuration.without:
        command += ["--no-suite", suite]
    code, output = run(command, TEST_SECONDS, TEST_ENVIRONMENT)
    failures = len(counts.failed)
    tests = read_log(configuration, log, counts)
    if tests == 0 and (code == 0 or "No suitable tests" in output or "No tests defined" in output):
        counts.add_skip(configuration.name, f"no tests in {', '.join(configuration.suites) or 'the tree'}")
    elif code != 0 and len(counts.failed) == failures:
        counts.add_failure(f"{configuration.name}: the test run", output)


def scripts():
    """The shell scripts of the tree."""
    found = []
    for folder in ("script", ".ci", "tests"):
        for directory, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in sorted(names):
                path = os.path.join(directory, name)
                with open(path, "rb") as file:
                    if file.readline(40).startswith((b"#!/usr/bin/env bash", b"#!/bin/bash", b"#!/bin/sh")):
                        found.append(os.path.relpath(path, ROOT))
    return found


def checks():
    """(name, command, tool that it needs)."""
    shell = scripts()
    manuals = sorted(os.path.join("docs/man", name) for name in os.listdir(os.path.join(ROOT, "docs/man")))
    return [
        ("format", ["script/format", "--check"], "clang-format"),
        ("includes", [sys.executable, "tests/check_includes.py"], sys.executable),
        ("shell syntax", ["bash", "-c", 'for file; do bash -n "$file" || exit 1; done', "bash", *shell], "bash"),
        ("shellcheck", ["shellcheck", *shell], "shellcheck"),
        ("manual pages", ["mandoc", "-Tlint", "-Wwarning", *manuals], "mandoc"),
    ]


def run_checks(counts):
    for name, command, tool in checks():
        reason = missing_tool(tool)
        if reason:
            counts.add_skip(f"check: {name}", reason)
            continue
        code, output = run(command, 120)
        if code == 0:
            counts.passed += 1
        else:
            counts.add_failure(f"check: {name}", output)


def report(counts):
    for where, output in counts.failed:
        tail = output.rstrip().splitlines()[-TAIL_LINES:]
        print(f"\nFAILED {where}")
        print("\n".join("    " + line for line in tail))
    if counts.skipped:
        print()
    for where, reason in counts.skipped:
        print(f"skipped {where}: {reason}")
    print()
    print(f"{counts.passed} passed, {len(counts.failed)} failed, {len(counts.skipped)} skipped", flush=True)
    return 1 if counts.failed or counts.passed == 0 else 0


def main():
    wanted = [argument for argument in sys.argv[1:] if argument != "--quick"]
    known = configurations()
    names = [configuration.name for configuration in known]
    for name in wanted:
        if name not in names + ["checks"]:
            print(f"test: there is no configuration '{name}'; there are: {' '.join(names)} checks", file=sys.stderr)
            return 2
    if not wanted:
        wanted = ["gcc"] if "--quick" in sys.argv[1:] else names + ["checks"]
    counts = Counts()
    for name, step in [*((c.name, c) for c in known), ("checks", None)]:
        if name not in wanted:
            continue
        start, before = time.monotonic(), (counts.passed, len(counts.failed), len(counts.skipped))
        print(f"{name} ...", flush=True)
        if step:
            run_configuration(step, counts)
        else:
            run_checks(counts)
        after = (counts.passed, len(counts.failed), len(counts.skipped))
        passed, failed, skipped = (now - then for now, then in zip(after, before))
        print(f"{name}: {passed} passed, {failed} failed, {skipped} skipped ({time.monotonic() - start:.0f} s)",
              flush=True)
    return report(counts)


if __name__ == "__main__":
    sys.exit(main())
