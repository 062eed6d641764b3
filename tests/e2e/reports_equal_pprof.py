#!/usr/bin/env python3
"""The reports of sigprof are those of `go tool pprof`, line for line.

A corpus of profiles (tests/corpus) is made, and each is shown by both under the combinations of options of
tests/lib/report_cases.py. What both print on stdout has to be the same; where pprof refuses, sigprof has to refuse.

By default each profile and report is shown under a few combinations, another few for the next, so that all of them are
used; with --full under all. The Go that is followed is 1.26. Of older ones that are installed as well `top` is compared.

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

import go_cache  # noqa: E402  these need the paths above
import make_corpus  # noqa: E402
import producers  # noqa: E402
from report_cases import (COMBINATIONS, ERRORS, FOLLOWED, FOR_ONE, KNOWN, OLDER, OLDER_KNOWN, REPORTS,  # noqa: E402
                          UNSTABLE, WITH_FILES)
from report_tools import Answer, Case, Tools, pprofs  # noqa: E402

SKIP = 77
STEP = 5  # combinations of each profile and report, unless --full
RERUNS = 40  # of pprof, to see whether it agrees with itself
UNKNOWN = re.compile(r"no command '|unknown option|unrecognized option|not a command|usage: sigprof")


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
    """The lines, but for their order, and the running sum and the numbers of nodes, which depend on it."""
    text = re.sub(r"^( *\S+ +\S+%) +\S+%", r"\1", text, flags=re.M)
    return sorted(re.sub(r"\b(N+|node)\d+", r"\1", text).split("\n"))


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
    cases += [Case(entry, report, combo, at % 4) for entry in entries
              for at, (report, combo) in enumerate(FOR_ONE.get(entry["name"], []))
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
    for report in REPORTS + WITH_FILES:
        if any(table[report, kind] for kind in kinds):
            print(f"{report:10}" + "".join(f"{table[report, kind]:26}" for kind in kinds))
    bad = [verdict for verdict in verdicts if verdict.kind not in ("same", "missing", "unstable")]
    for what, key in (("combinations", lambda v: v.case.combo.name), ("profiles", lambda v: v.case.profile["name"])):
        most = collections.Counter(key(verdict) for verdict in bad).most_common(12)
        if most:
            print(f"{what} that differ most: " + ", ".join(f"{name} {n}" for name, n in most))


def failures(verdicts, asked, table):
    """Those that no table explains, and lines of the tables that explain nothing any more."""
    used, bad = set(), []
    for verdict in verdicts:
        if verdict.kind == "same" or (verdict.kind == "missing" and asked.allow_missing):
            continue
        entry = known_difference(verdict.case, table + (UNSTABLE if "unstable" in verdict.kind else []))
        if entry is None or verdict.kind == "crashed":
            bad.append(verdict)
        used.add(entry)
    stale = [entry for entry in table if entry not in used] if asked.full and not asked.allow_missing else []
    for entry in stale:
        print(f"NO LONGER TRUE: {entry}")
    return bad, stale


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


def compare_all(tools, cases, asked, table):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        verdicts = list(pool.map(lambda case: compare(tools, case, asked.stderr), cases))
    bad, stale = failures(verdicts, asked, table)
    for verdict in bad if not asked.quiet else []:
        show(tools, verdict, asked)
    print_sums(verdicts)
    print(f"{len(verdicts)} comparisons, {len(bad)} failures")
    return not bad and not stale


def compare_with_older(tools, versions, asked):
    """What is the same in older versions of pprof, too."""
    are_equal = True
    entries = load_corpus(tools.corpus)
    for version, pprof in versions:
        print(f"Go {version[0]}.{version[1]}:")
        older = Tools(tools.sigprof, pprof, tools.corpus, tools.scratch, is_older=True)
        cases = [Case(entry, "top", combo, at % 4) for entry in entries for at, combo in enumerate(COMBINATIONS)
                 if combo.name in OLDER and not known_difference(Case(entry, "top", combo, 0), OLDER_KNOWN)]
        are_equal = compare_all(older, cases, asked, []) and are_equal
    return are_equal


def made_corpus(sigprof, scratch):
    corpus = os.path.join(scratch, "corpus")
    os.environ["SIGPROF"] = sigprof
    for why in make_corpus.make(corpus, go_cache.path())[1]:
        print(f"left out: {why}")
    return corpus


def run(asked, scratch):
    sigprof = os.path.abspath(shutil.which(asked.sigprof) or asked.sigprof)
    if not os.access(sigprof, os.X_OK):
        sys.exit(f"{sigprof} cannot be run: SIGPROF or --sigprof names the command")
    versions = [(FOLLOWED, asked.pprof)] if asked.pprof else pprofs()
    corpus = os.path.abspath(asked.corpus or made_corpus(sigprof, scratch))
    tools = Tools(sigprof, versions[0][1], corpus, os.path.join(scratch, "home"))
    os.mkdir(tools.scratch)
    cases = chosen(load_corpus(corpus), asked)
    if asked.list:
        print("\n".join(str(case) for case in cases))
        return True
    if asked.show:
        for case in cases:
            answer = tools.run(tools.pprof_command(case))
            print(f"$ {shlex.join(tools.pprof_command(case))}\n{answer.err}{answer.out}")
        return True
    followed = [version for version in versions if version[0] >= FOLLOWED]
    are_equal = not followed or compare_all(tools, cases, asked, KNOWN)
    if asked.only or asked.report or asked.combo:
        return are_equal
    return compare_with_older(tools, [version for version in versions if version[0] < FOLLOWED], asked) and are_equal


def main():
    scratch = tempfile.mkdtemp(prefix="sigprof-reports-")
    try:
        sys.exit(0 if run(arguments(), scratch) else 1)
    except producers.Missing as why:
        print(f"skip: {why}")
        sys.exit(SKIP)
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
