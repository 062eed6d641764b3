"""Runs sigprof and pprof for one report of one profile, with options in pprof's spelling or in GNU's."""
import datetime
import glob
import os
import re
import shutil
import subprocess
import sys
import typing

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "corpus"))
import go_cache  # noqa: E402  these need the path above
import producers  # noqa: E402

TIMEOUT_S = 60
WITH_REGEX = ("peek", "list")  # reports of what matches
BOOLEAN = {"cum", "flat", "relative_percentages", "mean", "drop_negative", "normalize", "noinlines", "functions",
           "files", "lines", "addresses", "filefunctions", "compact_labels", "call_tree", "trim", "showcolumns"}


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

    def __init__(self, sigprof, pprof, corpus, scratch, is_older=False):
        self.sigprof, self.pprof, self.corpus, self.scratch, self.is_older = sigprof, pprof, corpus, scratch, is_older
        keep = {key: value for key, value in os.environ.items() if not key.startswith(("GO", "PPROF"))}
        self.env = {**keep, "HOME": scratch, "PPROF_TMPDIR": scratch, "PPROF_BINARY_PATH": scratch, "NO_COLOR": "1",
                    "TZ": os.environ.get("TZ", "UTC")}

    def resolved(self, case, texts):
        base = os.path.join(self.corpus, case.profile["base"])
        return [text.replace("{base}", base).replace("{corpus}", self.corpus) for text in texts]

    def paths(self, case):
        return [os.path.join(self.corpus, case.profile["file"]), *self.resolved(case, case.combo.sources)]

    def options(self, case):
        return self.resolved(case, case.combo.options)

    def pprof_command(self, case):
        report = f"-{case.report}={case.combo.regex}" if case.report in WITH_REGEX else f"-{case.report}"
        none = ["-symbolize=none"] if case.profile["has_local_names"] else []
        return [self.pprof, *none, report, *(f"-{text}" for text in self.options(case)), *self.paths(case)]

    def sigprof_command(self, case):
        words = []
        for text in self.options(case):
            words += spelled(text, case.spelling)
        command = ["convert", "-f", "dot"] if case.report == "dot" else [case.report]
        arguments = ([case.combo.regex] if case.report in WITH_REGEX else []) + self.paths(case)
        if case.spelling % 2:
            return [self.sigprof, *command, *arguments, *words]  # options may stand last
        return [self.sigprof, *command, *words, *arguments]

    def run(self, command):
        try:
            done = subprocess.run(command, env=self.env, cwd=self.scratch, stdin=subprocess.DEVNULL, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return Answer(-1, "", f"no end after {TIMEOUT_S} s")
        out = done.stdout.decode(errors="surrogateescape")
        return Answer(done.returncode, re.sub("^Time: .*$", minute, out, flags=re.M) if self.is_older else out,
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


def minute(match):
    """The minute that a Time line means: Go 1.19's has another layout, and no seconds."""
    text = re.sub(r"[ (]+[A-Z+\-0-9]+\)?$", "", match[0][len("Time: "):])
    for layout in ("%Y-%m-%d %H:%M:%S", "%b %d, %Y at %I:%M%p"):
        try:
            return f"Time: {datetime.datetime.strptime(text, layout).replace(second=0)}"
        except ValueError:
            continue
    return match[0]


def pprofs():
    """(Go's version, pprof) for each Go that is installed, the newest first."""
    gos = [shutil.which("go"), "/usr/local/go/bin/go", *glob.glob("/usr/lib/go-*/bin/go")]
    env = producers.go_environment(go_cache.path())
    found = []
    for go in {os.path.realpath(go) for go in gos if go and os.access(go, os.X_OK)}:
        version, path = (subprocess.run([go, *words], env=env, stdout=subprocess.PIPE, check=True, timeout=300).stdout
                         .decode().strip() for words in (["version"], ["tool", "-n", "pprof"]))
        # `go tool -n` names the tool itself, which is quicker than by way of `go`.
        found.append((tuple(int(number) for number in re.search(r"go(\d+)\.(\d+)", version).groups()), path))
    if not found:
        raise producers.Missing("no go")
    return sorted(found, reverse=True)
