"""What the benchmarks share: runs in turns, medians, plain tables, and a line about the machine."""
import ctypes.util
import json
import math
import operator
import os
import platform
import subprocess
import time
import typing

CLOCK_MONOTONIC_COARSE = 6  # its resolution is the kernel's tick; Python has no name for it


class Failed(Exception):
    """A command did not exit with 0; the message has the last line of its stderr."""


class Run(typing.NamedTuple):
    wall: float  # seconds
    cpu: float   # user + system seconds of it and of the children that it waited for, as wait4(2) has them
    output: str
    peak: float  # MiB of memory at the most, in whichever of them it was most

    @property
    def values(self):
        """What our programs print: names, each with its number."""
        words = self.output.split()
        return {name: float(value) for name, value in zip(words[::2], words[1::2])}


def run(command, accepted=(0,)):
    output, complaint = os.memfd_create("stdout"), os.memfd_create("stderr")
    nowhere = os.open(os.devnull, os.O_RDONLY)
    actions = [(os.POSIX_SPAWN_DUP2, fd, to) for to, fd in enumerate((nowhere, output, complaint))]
    begin = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - begin
    os.close(nowhere)
    printed, complained = map(read_all, (output, complaint))
    if not os.WIFEXITED(status) or os.WEXITSTATUS(status) not in accepted:
        raise Failed(f"{' '.join(command)}: {(complained.splitlines() or ['failed'])[-1]}")
    return Run(wall, usage.ru_utime + usage.ru_stime, printed, usage.ru_maxrss / 1024)


def read_all(fd):
    os.lseek(fd, 0, os.SEEK_SET)
    with os.fdopen(fd, encoding="utf-8", errors="replace") as file:
        return file.read()


def run_in_turns(commands, rounds):
    """Runs each of {name: command} once a round: {name: [Run of each round]}.

    The order turns from round to round, so that a change of the machine's speed meets all of them. A first round does
    not count: the files are in the page cache after it.
    """
    names = list(commands)
    results = {name: [] for name in names}
    for name in names:
        run(commands[name])
    for i in range(rounds):
        turned = names[i % len(names):] + names[:i % len(names)]
        for name in turned if i % 2 == 0 else reversed(turned):
            results[name].append(run(commands[name]))
    return results


def compare(results, name, base, of, by=operator.truediv):
    """of(Run) of `name` against that of `base`, round by round."""
    return [by(of(one), of(other)) for one, other in zip(results[name], results[base])]


def record(profile, hz, *options):
    """What to put before a command to have it recorded."""
    return [os.environ["SIGPROF"], "record", "-F", str(hz), *options, "-o", profile, "--"]


def ledger(profile):
    """What `sigprof info` tells of a recording."""
    command = [os.environ["SIGPROF"], "info", "--json", profile]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def gperftools(profile, hz, *settings):
    """The same for gperftools' profiler; None where it is not installed. Settings are NAME=VALUE."""
    library = ctypes.util.find_library("profiler")
    settings = [f"CPUPROFILE={profile}", f"CPUPROFILE_FREQUENCY={hz}", *settings]
    return ["env", f"LD_PRELOAD={library}", *settings] if library else None


def quantile(values, share):
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def median(values):
    return quantile(values, 0.5)


def quartiles(values, form="%.4f"):
    return "%s (%s to %s)" % tuple(form % quantile(values, share) for share in (0.5, 0.25, 0.75))


def print_table(head, rows):
    """Right-aligned columns, the first left-aligned."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    for row in cells:
        print("  ".join(cell.rjust(width) if i else cell.ljust(width)
                        for i, (cell, width) in enumerate(zip(row, widths))).rstrip())


def cpu_model():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
        for line in lines:
            if line.startswith(("model name", "CPU part")):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def print_machine():
    """Figures without the machine they are of mean nothing; the load tells whether it was idle."""
    print(f"machine: {os.cpu_count()} × {cpu_model()}, Linux {platform.release().split('-')[0]}, "
          f"HZ={1 / time.clock_getres(CLOCK_MONOTONIC_COARSE):.0f}, load {os.getloadavg()[0]:.2f} at the start")


def median_bounds(values):
    """Between which of six or more values the true median lies with about 95 %: by ranks, whatever their spread."""
    ordered = sorted(values)
    middle, reach = len(ordered) / 2, 0.98 * math.sqrt(len(ordered))
    return ordered[max(math.floor(middle - reach), 0)], ordered[min(math.ceil(middle + reach), len(ordered)) - 1]


def verdict(what, values, aim, form="%.3f"):
    """Whether the median is at most `aim`, if that can be told from the noise."""
    low, high = median_bounds(values)
    found = "met" if high <= aim else "NOT met" if low > aim else "too noisy to tell"
    return f"{what}: {form % median(values)} (95 %: {form % low} to {form % high}), aim ≤ {aim}: {found}"


def program(name):
    path = os.path.join(os.environ["BUILD"], "bench", name)
    if not os.access(path, os.X_OK):
        raise SystemExit(f"{name}: not built; script/bench builds it")
    return path
