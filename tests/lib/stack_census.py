"""Records a program for a while and counts how its stacks ended: by the ledger, and by where their roots lie."""

import collections
import json
import subprocess

import pprof
import stack_roots

END_SECONDS = 120  # a hang, not a measure of speed


class Group:
    """Stacks whose last frame is in one function."""

    def __init__(self):
        self.weight = 0
        self.examples = collections.Counter()  # (last frame, leaf, depth): weight


class Census:
    """
    .weight     of all samples in the profile
    .stacks     the ledger's counts of frames and ends
    .complete   weight that the ledger calls complete
    .at_start   weight of the stacks whose root is where a thread begins, judged from the addresses alone
    .cut        {function of the last frame: Group} of the others
    """

    def __init__(self, profile, info):
        self.profile = profile
        self.info = info
        self.stacks = info["stacks"]
        self.complete = self.stacks["complete"]
        self.weight = info["samples"]["collected"]["weight"]
        self.kinds = collections.Counter()
        self.cut = collections.defaultdict(Group)
        roots, position = stack_roots.Roots(), profile.index("samples")
        for sample in profile.samples:
            kind, weight = roots.kind(sample), sample.values[position]
            self.kinds[kind] += weight
            if kind is None:
                self._add_cut(roots, sample, weight)
        self.at_start = self.weight - self.kinds[None]

    def _add_cut(self, roots, sample, weight):
        leaf, last = sample.locations[0], sample.locations[-1]
        group = self.cut[roots.function(last)]
        group.weight += weight
        group.examples[roots.place(last), roots.place(leaf), len(sample.locations)] += weight


def record(sigprof, path, program, rate_hz, seconds):
    """The census of a program of wild_programs, ended by SIGKILL after some time: what was sampled is kept."""
    command = [sigprof, "record", "-o", path, "-F", str(rate_hz), "--", "timeout", "-s", "KILL", str(seconds),
               *program.command]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE) as process:
        try:
            with program.load():
                _, errors = process.communicate(timeout=seconds + END_SECONDS)
        finally:
            process.poll()
            if process.returncode is None:
                process.terminate()
    done = subprocess.run([sigprof, "info", "--json", path], capture_output=True, check=False)
    if done.returncode != 0:
        raise subprocess.SubprocessError(errors.decode(errors="replace")[-1000:] +
                                         done.stderr.decode(errors="replace"))
    return Census(pprof.read(path), json.loads(done.stdout))
