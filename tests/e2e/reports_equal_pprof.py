#!/usr/bin/env python3
"""The reports of sigprof are those of `go tool pprof`, line for line.

A corpus of profiles (tests/corpus) is made, and each is shown by both under the combinations of options of
tests/lib/report_cases.py. What both print on stdout has to be the same; where pprof refuses, sigprof has to refuse.

By default each profile and report is shown under a few combinations, another few for the next, so that all of them are
used; with --full under all.

usage: reports_equal_pprof.py [--only PROFILE] [--report REPORT] [--combo NAME] [-v] [--full] [--corpus FOLDER]
                              [--sigprof PATH] [--pprof PATH] [--list] [--show] [--errors] [--stderr] [--quiet]
                              [--allow-missing]
  --only, --report and --combo may be shell patterns; any of them means --full for what is left
  -v            all differing lines, and the commands
  --show        what pprof prints, without a comparison
  --corpus      a folder that make_corpus.py has filled, rather than one that is made now
  --stderr      what both print on stderr is compared as well (by lines, without the commands' names)
  --allow-missing  commands and options that this sigprof does not know are counted, and are no failure

Environment: SIGPROF is the path of the command. Exit: 0 equal, 1 different, 77 there is no Go to compare with.
"""
import argparse
import collections
import concurrent.futures
import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import typing

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("lib", "corpus"):
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), folder))

import make_corpus  # noqa: E402  these need the paths above
import producers  # noqa: E402
from report_cases import COMBINATIONS, ERRORS, FOR_ONE, KNOWN, REPORTS, UNSTABLE  # noqa: E402

SKIP = 77
TIMEOUT_S = 60
STEP = 6  # combinations of each profile and report, unless --full
RERUNS = 12  # of pprof, to see whether it agrees with itself
BOOLEAN = {"cum", "flat", "relative_percentages", "mean", "drop_negative", "normalize", "noinlines", "functions",
           "files", "lines", "addresses", "filefunctions", "compact_labels", "call_tree", "trim", "showcolumns"}
UNKNOWN = re.compile(r"no command '|unknown option|unrecognized option|not a command|usage: sigprof")


class Case(typing.NamedTuple):
    profile: dict
    report: str
    combo: typing.Any
    spelling: int  # of sigprof's options

    def __str__(self):
        return f"{self.profile['name']} {self.report} {self.combo.name}"


class Answer(typing.NamedTuple):
    status: int
    out: str
    err: str


class Tools:
    """Both commands, their environment and the corpus."""

    def __init__(self, sigprof, pprof, corpus, scratch):
        self.sigprof, self.pprof, self.corpus, self.scratch = sigprof, pprof, corpus, scratch
        keep = {key: value for key, value in os.environ.items() if not key.startswith(("GO", "PPROF"))}
        self.env = {**keep, "HOME": scratch, "PPROF_TMPDIR": scratch, "PPROF_BINARY_PATH": scratch, "NO_COLOR": "1",
                    "TZ": os.environ.get("TZ", "UTC")}

    def path(self, case):
        return os.path.join(self.corpus, case.profile["file"])

    def options(self, case):
        base = os.path.join(self.corpus, case.profile["base"])
        return [text.replace("{base}", base).replace("{corpus}", self.corpus) for text in case.combo.options]

    def pprof_command(self, case):
        report = f"-peek={case.combo.peek}" if case.report == "peek" else f"-{case.report}"
        none = ["-symbolize=none"] if case.profile["has_local_names"] else []
        return [self.pprof, *none, report, *(f"-{text}" for text in self.options(case)), self.path(case)]

    def sigprof_command(self, case):
        words = []
        for text in self.options(case):
            words += spelled(text, case.spelling)
        argument = [case.combo.peek] if case.report == "peek" else []
        if case.spelling % 2:
            return [self.sigprof, case.report, *argument, self.path(case), *words]  # options may stand last
        return [self.sigprof, case.report, *words, *argument, self.path(case)]

    def run(self, command):
        try:
            done = subprocess.run(command, env=self.env, cwd=self.scratch, stdin=subprocess.DEVNULL, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return Answer(-1, "", f"no end after {TIMEOUT_S} s")
        return Answer(done.returncode, done.stdout.decode(errors="surrogateescape"),
                      done.stderr.decode(errors="surrogateescape"))


def spelled(text, spelling):
    """pprof's spelling, and three GNU ones."""
    name, has_value, value = text.partition("=")
    words = name.replace("_", "-")
    if spelling == 0:
        return [f"-{text}"]
    if spelling == 1:
        return [f"--{text}"]
    if spelling == 2 or name in BOOLEAN or not has_value:
        return [f"--{words}={value}" if has_value else f"--{words}"]
    return [f"--{words}", value]


class Verdict(typing.NamedTuple):
    kind: str  # same, different, refused, accepted, missing, unstable
    case: Case
    theirs: Answer
    ours: Answer


def lines_of(answer, with_errors):
    lines = answer.out.split("\n")
    if with_errors:
        lines += sorted(re.sub(r"^(sigprof|\S*pprof\S*): ", "", line) for line in answer.err.splitlines())
    return lines


def matches(entry, case):
    return (fnmatch.fnmatch(case.profile["name"], entry.profile) and fnmatch.fnmatch(case.report, entry.report)
            and fnmatch.fnmatch(case.combo.name, entry.combination))


def known_difference(case, table):
    return next((entry for entry in table if matches(entry, case)), None)


def compare(tools, case, with_errors):
    theirs = tools.run(tools.pprof_command(case))
    ours = tools.run(tools.sigprof_command(case))
    if ours.status > 2 or ours.status < 0:
        return Verdict("crashed", case, theirs, ours)
    if theirs.status != 0 and ours.status == 1:
        return Verdict("same", case, theirs, ours)
    if ours.status != 0 and UNKNOWN.search(ours.err) and not case.combo.is_error:
        return Verdict("missing", case, theirs, ours)
    if theirs.status != 0:
        # A usage error is exit 2, and what pprof calls one may be one here, too.
        return Verdict("same" if ours.status == 2 and case.combo.is_error else "accepted", case, theirs, ours)
    if ours.status != 0:
        return Verdict("refused", case, theirs, ours)
    if lines_of(ours, with_errors) == lines_of(theirs, with_errors):
        return Verdict("same", case, theirs, ours)
    return against_reruns(tools, Verdict("different", case, theirs, ours), with_errors)


def without_order(text):
    """The lines, but for their order and the running sum, which depends on it."""
    return sorted(re.sub(r"^( *\S+ +\S+%) +\S+%", r"\1", line) for line in text.split("\n"))


def against_reruns(tools, verdict, with_errors):
    """pprof may not agree with itself: the order of Go's maps changes from run to run (docs/pprof.md)."""
    answers = {verdict.theirs.out}
    for _ in range(RERUNS):
        again = tools.run(tools.pprof_command(verdict.case))
        answers.add(again.out)
        if lines_of(again, with_errors) == lines_of(verdict.ours, with_errors):
            return verdict._replace(kind="unstable")
    if len(answers) > 1:
        ours = without_order(verdict.ours.out)
        if any(without_order(answer) == ours for answer in answers):
            return verdict._replace(kind="unstable")
        return verdict._replace(kind="different, as pprof is from itself")
    return verdict


def chosen(entries, asked):
    """The cases: all that fit what was asked for, or a few combinations for each profile and report in turn."""
    is_some = asked.only or asked.report or asked.combo
    is_full = asked.full or is_some
    combos = (ERRORS if asked.errors else []) + COMBINATIONS if is_full else COMBINATIONS
    cases, turn = [], 0
    for entry in entries:
        if not fnmatch.fnmatch(entry["name"], asked.only or "*"):
            continue
        for report in REPORTS:
            if not fnmatch.fnmatch(report, asked.report or "*"):
                continue
            for at, combo in enumerate(combos):
                turns = is_full or at == 0 or (at - turn) % len(combos) < STEP - 1
                if turns and fnmatch.fnmatch(combo.name, asked.combo or "*"):
                    cases.append(Case(entry, report, combo, (at + turn) % 4))
            turn += STEP - 1
    if not is_some and not is_full:
        cases += [Case(entries[at % len(entries)], report, combo, at % 4) for at, combo in enumerate(ERRORS)
                  for report in ("top", "peek")]
    cases += [Case(entry, report, combo, 0) for entry in entries for report, combo in FOR_ONE.get(entry["name"], [])
              if fnmatch.fnmatch(entry["name"], asked.only or "*") and fnmatch.fnmatch(report, asked.report or "*")
              and fnmatch.fnmatch(combo.name, asked.combo or "*")]
    return [case for case in cases if not (case.combo.name == "bad_peek" and case.report != "peek")]


def first_difference(verdict, with_errors):
    ours, theirs = lines_of(verdict.ours, with_errors), lines_of(verdict.theirs, with_errors)
    at = next(i for i in range(max(len(ours), len(theirs)) + 1) if ours[i:i + 1] != theirs[i:i + 1])
    return at, (theirs + ["<end>"])[at], (ours + ["<end>"])[at]


def show(tools, verdict, asked):
    print(f"{verdict.kind.upper()}: {verdict.case}")
    if asked.verbose:
        for command in (tools.pprof_command(verdict.case), tools.sigprof_command(verdict.case)):
            print(f"  $ {shlex.join(command)}")
    if verdict.kind.startswith("different") or verdict.kind == "unstable":
        at, theirs, ours = first_difference(verdict, asked.stderr)
        print(f"  line {at + 1}\n    pprof:   {theirs}\n    sigprof: {ours}")
        if asked.verbose:
            print_diff(verdict)
    else:
        for name, answer in (("pprof", verdict.theirs), ("sigprof", verdict.ours)):
            said = (answer.err.strip().splitlines() or answer.out.splitlines() or [""])[0 if asked.verbose else -1]
            print(f"    {name + ':':8} exit {answer.status} {said[:200]}")


def print_diff(verdict):
    with tempfile.TemporaryDirectory() as scratch:
        paths = []
        for name, answer in (("pprof", verdict.theirs), ("sigprof", verdict.ours)):
            paths.append(os.path.join(scratch, name))
            with open(paths[-1], "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(answer.out)
        done = subprocess.run(["diff", "-u", *paths], stdout=subprocess.PIPE, check=False)
        print("    " + done.stdout.decode(errors="replace").replace("\n", "\n    "))


def print_sums(verdicts):
    """A table of reports and kinds, and which combinations and profiles fail most."""
    kinds = sorted({verdict.kind for verdict in verdicts})
    table = collections.Counter((verdict.case.report, verdict.kind) for verdict in verdicts)
    print(f"\n{'':10}" + "".join(f"{kind[:24]:>26}" for kind in kinds))
    for report in REPORTS:
        if any(table[report, kind] for kind in kinds):
            print(f"{report:10}" + "".join(f"{table[report, kind]:26}" for kind in kinds))
    bad = [verdict for verdict in verdicts if verdict.kind not in ("same", "missing", "unstable")]
    for what, key in (("combinations", lambda v: v.case.combo.name), ("profiles", lambda v: v.case.profile["name"])):
        most = collections.Counter(key(verdict) for verdict in bad).most_common(12)
        if most:
            print(f"{what} that differ most: " + ", ".join(f"{name} {n}" for name, n in most))


def failures(verdicts, asked):
    """Those that no table explains, and lines of the tables that explain nothing any more."""
    used, bad = set(), []
    for verdict in verdicts:
        if verdict.kind == "same" or (verdict.kind == "missing" and asked.allow_missing):
            continue
        entry = known_difference(verdict.case, KNOWN + (UNSTABLE if "unstable" in verdict.kind else []))
        if entry is None or verdict.kind == "crashed":
            bad.append(verdict)
        used.add(entry)
    stale = [entry for entry in KNOWN if entry not in used] if asked.full and not asked.allow_missing else []
    for entry in stale:
        print(f"NO LONGER TRUE: {entry}")
    return bad, stale


def find_pprof():
    """The tool itself where `go tool -n` names it, which is quicker than by way of `go`."""
    go = producers.find_go()
    cache = os.path.join(os.environ.get("BUILD") or tempfile.gettempdir(), "tests", "go-cache")
    env = producers.go_environment(os.path.abspath(cache))
    done = subprocess.run([go, "tool", "-n", "pprof"], env=env, stdout=subprocess.PIPE, check=True, timeout=300)
    return done.stdout.decode().strip()


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1])
    for name in ("only", "report", "combo", "corpus", "pprof"):
        parser.add_argument("--" + name)
    parser.add_argument("--sigprof", default=os.environ.get("SIGPROF", "sigprof"))
    for name in ("full", "list", "show", "stderr", "errors", "allow-missing", "quiet"):
        parser.add_argument("--" + name, action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true")
    return parser.parse_args()


def load_corpus(folder):
    with open(os.path.join(folder, "corpus.json"), encoding="utf-8") as file:
        return json.load(file)


def compare_all(tools, cases, asked):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        verdicts = list(pool.map(lambda case: compare(tools, case, asked.stderr), cases))
    bad, stale = failures(verdicts, asked)
    for verdict in bad if not asked.quiet else []:
        show(tools, verdict, asked)
    print_sums(verdicts)
    print(f"{len(verdicts)} comparisons, {len(bad)} failures")
    return 1 if bad or stale else 0


def main():
    asked = arguments()
    scratch = tempfile.mkdtemp(prefix="sigprof-reports-")
    try:
        pprof = asked.pprof or find_pprof()
        sigprof = os.path.abspath(shutil.which(asked.sigprof) or asked.sigprof)
        if not os.access(sigprof, os.X_OK):
            sys.exit(f"{sigprof} cannot be run: SIGPROF or --sigprof names the command")
        corpus = os.path.abspath(asked.corpus or os.path.join(scratch, "corpus"))
        if asked.corpus is None:
            os.environ["SIGPROF"] = sigprof
            for why in make_corpus.make(corpus, os.path.join(scratch, "go-cache"))[1]:
                print(f"left out: {why}")
        tools = Tools(sigprof, pprof, corpus, os.path.join(scratch, "home"))
        os.mkdir(tools.scratch)
        cases = chosen(load_corpus(corpus), asked)
        if asked.list:
            print("\n".join(str(case) for case in cases))
        elif asked.show:
            for case in cases:
                answer = tools.run(tools.pprof_command(case))
                print(f"$ {shlex.join(tools.pprof_command(case))}\n{answer.err}{answer.out}")
        else:
            sys.exit(compare_all(tools, cases, asked))
    except producers.Missing as why:
        print(f"skip: {why}")
        sys.exit(SKIP)
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
