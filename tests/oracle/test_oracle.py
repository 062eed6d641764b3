#!/usr/bin/env python3
"""
The stack is exact at every instruction: programs are stepped through one by one, and at each instruction sp_unwind's
stack is compared with the true one (single_step.c, true_stack.h).

usage: test_oracle.py [--long] [--markdown] [WORD...]
  --long      all builds and CPU variants, nothing cut short: about ten minutes
  --markdown  also print the results as in docs/unwinding.md
  WORD        only runs whose name has one of the words
Environment: BUILD, the build tree.

An instruction counts as exact when both walks, with and without remembered rules, gave each frame of the true stack,
no other, and its end as complete. Of those that are not exact, some are excused: where binutils' reading of the unwind
table, too, has the return address elsewhere than it is, or where the program has overwritten it. EXCUSES says in which
code that may be, and why. The share of exact ones among the rest has to be 99.9 %, in each case.
"""
import collections
import concurrent.futures
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import typing

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import elf_tables  # noqa: E402  the sibling; found by the line above

BUILD = os.path.join(os.environ.get("BUILD", ""), "tests", "oracle")
STEP = os.path.join(BUILD, "single_step")
AGENT = os.path.join(BUILD, "liboracle_agent.so")
SKIP = 77
WANTED_SHARE = 0.999
MOST_EXCUSED = 0.025  # of a case
WORKERS = 2
TIMEOUT_S = 900  # a hang, not a measure of speed


class Excuse(typing.NamedTuple):
    """`where` is searched in the names of the frame from where the walk went wrong, of the leaf, and of its caller."""
    kind: str
    where: str
    reason: str


# Kinds, from the outside:
#   table        the unwind table says otherwise than is true
#   no table     there is none for the code
#   end          the table says that the last frame had a caller
#   overwritten  the return address in the stack is not any more what the call has put there
#   untold       the frame is found from a register of a caller's, which the oracle does not know
EXCUSES = [
    Excuse("overwritten", r"libgcc_s\.so",
           "a throw's landing: _Unwind_RaiseException has replaced what its frame has saved by the landing frame's"),
    Excuse("untold", r" < libgcc_s\.so\S*:_Unwind_(RaiseException|Resume|Resume_or_Rethrow)\+",
           "the same, when it has replaced the saved rbp, and not yet the return address"),
    Excuse("table", r"libgcc_s\.so", "a throw's last instructions: sp is the landing frame's already, pc is not yet"),
    Excuse("table", r"libc\.so",
           "longjmp, setcontext and swapcontext, whose tables describe the frame that they jump to, and GMP's "
           "assembly (__mpn_mul_1), whose tables do not know that it pushes registers"),
    Excuse("end", r"libc\.so", "a coroutine's end, in glibc's __start_context: its table says that it was called"),
    Excuse("table", r"libcrypto\.so",
           "X25519's assembly: the table adds the frame's size before `ret`, instead of taking it off"),
    Excuse("no table", r":(_init|_fini|__do_global_dtors_aux|frame_dummy|(de)?register_tm_clones)\+|:\.(init|fini)!",
           "crti.o and crtbegin.o, which have no tables"),
    Excuse("untold", r"gcc_fp_frames:aligned_with_alloca",
           "gcc's table of a realigned frame: behind `leave` it still has the caller's rbp saved at rbp"),
]

AVX2 = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW"}
SSE2 = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX,-ERMS,-FSRM,-SSSE3,-SSE4_1,-SSE4_2"}
# Bits of CPUID leaves 1 (edx, ecx) and 7 (ebx, ecx), see OPENSSL_ia32cap(3): without AVX-512 and SHA; without AVX, BMI
# and ADX too; without AES and PCLMULQDQ.
CRYPTO_AVX2 = {"OPENSSL_ia32cap": ":~0xe0230000"}
CRYPTO_SSE = {"OPENSSL_ia32cap": "~0x1000000000000000:~0xe02b0128"}
CRYPTO_NO_AES = {"OPENSSL_ia32cap": "~0x0200000200000000"}


class Case(typing.NamedTuple):
    """What to step. `least` instructions have to be seen, so that nothing passes for having done nothing."""
    program: str
    name: str
    least: int
    limit: int = 0  # in the standard run: at so many instructions it is enough
    variants: tuple = ()  # further environments: (name, variables)


MEMORY = (("sse2", SSE2), ("avx2", AVX2))
CRYPTO = (("avx2", CRYPTO_AVX2), ("sse", CRYPTO_SSE))
CASES = [
    Case("libc", "printf", 10000),
    Case("libc", "malloc", 20000),
    Case("libc", "qsort", 10000),
    Case("libc", "clock", 3000),
    Case("libc", "memory", 10000, 0, MEMORY),
    Case("libc", "strings", 10000, 0, MEMORY),
    Case("libc", "lazy", 20000),
    Case("libc", "regex", 30000, 30000),
    Case("libc", "dlopen", 30000),
    Case("throw", "throw", 50000, 60000),
    Case("throw", "throw_libc", 5000),
    Case("throw", "containers", 30000, 40000),
    Case("crypto", "digests", 50000, 75000, CRYPTO),
    Case("crypto", "ciphers", 20000, 0, CRYPTO + (("no_aes", CRYPTO_NO_AES),)),
    Case("crypto", "power", 50000, 50000, CRYPTO),
    Case("crypto", "p256", 40000, 40000, CRYPTO),
    Case("crypto", "x25519", 40000, 40000, CRYPTO),
    Case("jumps", "signal", 3000),
    Case("jumps", "alternate", 3000),
    Case("jumps", "siglongjmp", 3000),
    Case("jumps", "longjmp", 3000),
    Case("jumps", "contexts", 3000),
    Case("frames", "alloca", 1000),
    Case("frames", "aligned", 500),
    Case("frames", "shapes", 2000),
    Case("frames", "noreturn", 1500),
    Case("frames", "bare", 1000),
    Case("whole", "ls /", 50000, 60000),
]
# Of the long run: programs of the distribution, from their entry on.
WHOLE_LIMIT = 300000
WHOLE = [
    Case("whole", "sort /etc/passwd", 100000),
    Case("whole", "xz -0 -c /etc/passwd", 100000),
    Case("whole", "perl -e print(9)", 100000),
    Case("whole", "python3 -S -c print(9)", 100000),
    Case("whole", "openssl version", 100000),
    Case("whole", "sqlite3 :memory: select(9)", 100000),
    Case("whole", "bash -c for((i=0;i<9;i++));do((j+=i));done", 100000),
]
# Which builds of a program the standard run steps; what is inside libraries does not depend on the build.
STANDARD_BUILDS = {
    "libc": ["gcc_o2"],
    "crypto": ["gcc_o2"],
    "throw": ["gcc_o2", "clang_o2"],
    "jumps": ["gcc_o2", "clang_o2"],
}


class Run(typing.NamedTuple):
    build: str
    case: Case
    variant: str
    environment: dict
    options: tuple

    def label(self):
        return f"{self.build} {self.case.program}/{self.case.name}" + (f" {self.variant}" if self.variant else "")


def builds_of(program, is_long):
    if program == "whole":
        return ["distribution"]
    built = sorted(name[:-len(program) - 1] for name in os.listdir(BUILD)
                   if re.fullmatch(rf"(gcc|clang)_\w+_{program}", name))
    standard = STANDARD_BUILDS.get(program, built)
    return built if is_long else [build for build in built if build in standard]


def all_runs(is_long):
    for case in CASES + WHOLE if is_long else CASES:
        if case.program == "whole" and not shutil.which(case.name.split()[0]):
            continue
        limit = WHOLE_LIMIT if is_long and case.program == "whole" else 0 if is_long else case.limit
        options = ("--limit", str(limit)) if limit else ()
        for build in builds_of(case.program, is_long):
            yield Run(build, case, "", {}, options)
        variants = case.variants if is_long else case.variants[:1]
        for build in builds_of(case.program, False)[:1]:
            for name, environment in variants:
                yield Run(build, case, name, environment, options)


def command_of(run, *options):
    if run.case.program == "whole":
        return [STEP, "--whole", *run.options, *options, AGENT, *run.case.name.split(" ")]
    return [STEP, *run.options, *options, AGENT, os.path.join(BUILD, f"{run.build}_{run.case.program}"), run.case.name]


def step(run, *options):
    """What single_step prints of a run, as a dictionary; raises AssertionError when it failed."""
    command = command_of(run, *options)
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT_S,
                          env={**os.environ, **run.environment}, check=False)
    if done.returncode == SKIP:
        print(done.stdout.strip())
        sys.exit(SKIP)
    if done.returncode != 0:
        raise AssertionError(f"{run.label()}: exit {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout[done.stdout.index('{"instructions": '):])  # behind what the program itself printed


def kind_of(place):
    """Why the walk went wrong there, from the outside: see EXCUSES. `ours`: nothing but us."""
    if place["first_wrong"] == 0:
        return "ours"
    if place["first_wrong"] == place["depth"]:
        return "end" if elf_tables.has_caller(place["caller"], place["depth"] > 1) else "ours"
    if place["is_overwritten"]:
        return "overwritten"
    slot = elf_tables.slot_by_table(place["caller"], place["first_wrong"] > 1, place["registers"])
    if slot is None:
        return "no table"
    if slot == "?":
        return "untold"
    return "ours" if slot == place["slot"] else "table"


def excuse_of(place):
    kind = kind_of(place)
    names = " < ".join(elf_tables.name(known) for known in [place["caller"], *place["wanted"][:2]])
    for excuse in EXCUSES:
        if excuse.kind == kind and re.search(excuse.where, names):
            return kind, excuse
    return kind, None


def describe(place):
    """One line on an inexact place."""
    wrong = place["first_wrong"]
    where = elf_tables.name(place["wanted"][0])
    after = f", after {elf_tables.name(place['caller'])}" if wrong > 1 else ""
    return (f"{place['count']:6d} {where} [{place['code'][:12]}]: frame {wrong} of {place['depth']}{after}: "
            f"{elf_tables.name(place['found_word'])}, not {elf_tables.name(place['wanted_word'])}; "
            f"end {place['end']}, {'cold' if place['way'] else 'warm'}; {kind_of(place)}")


def places_of(result):
    """The inexact places, each instruction once: of the two walks there, that which was wrong more often."""
    by_leaf = {}
    for place in sorted(result["inexact"], key=lambda place: place["count"]):
        by_leaf[tuple(place["wanted"][0])] = place
    return sorted(by_leaf.values(), key=lambda place: -place["count"])


class Verdict:
    """What came of a run."""

    def __init__(self, run, result):
        self.run, self.result = run, result
        self.instructions, self.exact = result["instructions"], result["exact"]
        self.excused = collections.Counter()
        self.ours = []
        for place in places_of(result):
            _, excuse = excuse_of(place)
            if excuse:
                self.excused[excuse] += place["count"]
            else:
                self.ours.append(place)

    def n_excused(self):
        return min(sum(self.excused.values()), self.instructions - self.exact)

    def share(self):
        return self.exact / max(1, self.instructions - self.n_excused())

    def problems(self):
        if self.instructions < self.run.case.least:
            yield f"only {self.instructions} instructions, not {self.run.case.least}"
        if self.share() < WANTED_SHARE:
            yield f"{100 * self.share():.3f} % exact"
        if self.n_excused() > MOST_EXCUSED * self.instructions:
            yield f"{self.n_excused()} of {self.instructions} instructions need an excuse"
        if self.result["elsewhere"] > self.result["switches"]:
            yield f"{self.result['elsewhere']} returns went elsewhere than the oracle thought"

    def line(self):
        return (f"{self.run.label():40.40s} {self.instructions:8d} instructions, {self.exact:8d} exact, "
                f"{self.n_excused():5d} excused: {100 * self.share():7.3f} %")


def judge(run):
    return Verdict(run, step(run))


def test_every_instruction(runs):
    failures, verdicts = [], []
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        for run, future in [(run, pool.submit(judge, run)) for run in runs]:
            try:
                verdict = future.result()
            except AssertionError as error:
                failures.append(str(error))
                print(f"{run.label()}: FAILED: {error}", flush=True)
                continue
            verdicts.append(verdict)
            print(verdict.line(), flush=True)
            for place in verdict.ours[:12]:
                print("    " + describe(place))
            failures += [f"{run.label()}: {problem}" for problem in verdict.problems()]
    return failures, verdicts


def test_oracle_notices():
    """Each result is spoilt before it is compared, in four ways: none may pass."""
    case = next(case for case in CASES if case.name == "qsort")
    result = step(Run("gcc_o2", case, "", {}, ("--limit", "2000")), "--tamper", "1")
    if result["exact"] != 0 or result["tampered"] != 2000:
        return [f"of {result['tampered']} spoilt results, {result['exact']} were taken for exact"]
    return []


def print_markdown(verdicts):
    by_case = {}
    for verdict in verdicts:
        by_case.setdefault(f"{verdict.run.case.program}/{verdict.run.case.name}", []).append(verdict)
    print("| case | runs | instructions | exact | excused | exact of the rest, least |\n|---|---:|---:|---:|---:|---:|")
    for name, group in by_case.items():
        instructions, exact, excused = (sum(numbers) for numbers in zip(
            *((verdict.instructions, verdict.exact, verdict.n_excused()) for verdict in group)))
        least = 100 * min(verdict.share() for verdict in group)
        print(f"| {name} | {len(group)} | {instructions} | {exact} | {excused} | {least:.3f} % |")


def print_excuses(verdicts):
    excused = collections.Counter()
    for verdict in verdicts:
        excused.update(verdict.excused)
    for excuse, count in excused.most_common():
        print(f"{count:6d} excused: {excuse.reason}")


def main():
    if platform.machine() != "x86_64":
        print("stepping is written for x86-64 only")
        return SKIP
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    runs = [run for run in all_runs("--long" in sys.argv[1:])
            if not words or any(word in run.label() for word in words)]
    for program in sorted({case.program for case in CASES}):
        if not builds_of(program, True):
            print(f"not built, and so not stepped: {program}")
    failures, verdicts = test_every_instruction(runs)
    if not verdicts and not failures:
        failures.append("nothing was stepped")
    print_excuses(verdicts)
    if "--markdown" in sys.argv[1:]:
        print_markdown(verdicts)
    failures += test_oracle_notices()
    for failure in failures:
        print("FAILED " + failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
