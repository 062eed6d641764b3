#!/usr/bin/env python3
"""Proof, at every build, that the handler archive is what a signal handler may be.

usage: check_handler.py --nm NM --objdump OBJDUMP --allow FILE --roots NAME[,NAME...]
                        [--budget BYTES] [--stamp OUT] OBJECT.o...

It looks at the machine code and not at the source, so that it also sees what the compiler put in by itself:
a memcpy for a struct assignment, a stack protector, a jump table. It fails when

  symbols    an object needs a symbol that neither another object nor the allow file has
  recursion  functions can call each other in a circle
  indirect   a call or jump goes through a register or through memory, and is not in the allow file
  dynamic    a stack frame has no fixed size (alloca, variable-length arrays)
  tls        thread-local storage is touched: a relocation, %fs/%gs, tpidr_el0 (a stack protector does that, too)
  stack      the deepest path from a root takes more than the budget
  tables     a function has no unwind table: a thread that a profiler's signal interrupts there has no stack (clang
             leaves them out of freestanding code unless it is told)

Compile the objects with -fstack-usage (FOO.su is expected beside FOO.o), -fno-jump-tables, -fno-stack-protector,
and without link-time optimisation, sanitizers or coverage.

How the stack is counted. A frame is what the compiler says in the .su file; gcc on x86-64 includes the return
address, clang does not and leaves pushed arguments out, so that for clang the larger of its figure and of all the
pushes and subtractions in the code counts, with 8 bytes for the return address. A function on x86-64 that calls
nothing and writes below the stack pointer gets the 128 bytes of the red zone. A tail call starts where its caller
started. Foreign functions count as the allow file says.

The allow file has one entry a line; '#' starts a comment; every entry says why:
  symbol NAME [stack=BYTES] REASON      may stay undefined; stack: what it takes when called (default 256)
  indirect FUNCTION [stack=BYTES] REASON  may call or jump through a pointer; stack: of the callee (default 0)
  frame FUNCTION BYTES REASON           the frame of a function in assembly, which has no .su entry
"""

import argparse
import os
import re
import subprocess
import sys

RED_ZONE = 128
RETURN_ADDRESS = 8
DEFAULT_SYMBOL_STACK = 256

# What a compiler appends to the name of a copy or a piece of a function.
CLONE_SUFFIX = re.compile(r"(\.(constprop|isra|part|cold|lto_priv|llvm)(\.\d+)?)+$")
COLD_SUFFIX = re.compile(r"\.cold(\.\d+)?$")
TLS_RELOCATION = re.compile(r"TLS|TPOFF|DTPMOD|TPREL|DTPREL")
TLS_OPERAND = re.compile(r"%[fg]s:|tpidr(ro)?_el\d|\b(rd|wr)[fg]sbase")

SECTION = re.compile(r"^Disassembly of section (\S+):$")
LABEL = re.compile(r"^([0-9a-f]+) <(.+)>:$")
INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(\S.*)$")
RELOCATION = re.compile(r"([0-9a-f]+): (R_\w+)\s+(\S+)")
TABLE = re.compile(r"^[0-9a-f]+ R_\w+\s+(\.[^\s+]+|\w+)(?:\+0x([0-9a-f]+))?$")
SYMBOL = re.compile(r"^([0-9a-f]+) (.{7}) (\S+)\s+([0-9a-f]+)\s+(?:(?:\.hidden|\.internal|\.protected)\s+)?(.+)$")


class Trouble(Exception):
    """The check could not be carried out: a missing file, a tool that failed."""


class Allow:
    """The allow file."""

    def __init__(self, path):
        self.symbols = {}  # name -> stack bytes
        self.indirect = {}
        self.frames = {}
        try:
            with open(path, encoding="utf-8") as file:
                lines = file.readlines()
        except OSError as error:
            raise Trouble(f"{path}: {error.strerror}") from error
        for number, line in enumerate(lines, 1):
            words = line.split("#", 1)[0].split()
            if words:
                self._entry(f"{path}:{number}", words)

    def _entry(self, where, words):
        kind, rest = words[0], words[1:]
        if kind == "frame" and len(rest) >= 3 and rest[1].isdigit():
            self.frames[rest[0]] = int(rest[1])
            return
        if kind not in ("symbol", "indirect") or not rest:
            raise Trouble(f"{where}: expected 'symbol NAME REASON', 'indirect FUNCTION REASON' or "
                          f"'frame FUNCTION BYTES REASON'")
        name, rest = rest[0], rest[1:]
        stack = DEFAULT_SYMBOL_STACK if kind == "symbol" else 0
        if rest and re.fullmatch(r"stack=\d+", rest[0]):
            stack, rest = int(rest[0][6:]), rest[1:]
        if not rest:
            raise Trouble(f"{where}: '{kind} {name}' has no reason")
        (self.symbols if kind == "symbol" else self.indirect)[name] = stack


class Function:
    """One function of the machine code; its cold part belongs to it."""

    def __init__(self, key, name):
        self.key = key
        self.name = name
        self.frame = None
        self.calls = set()  # keys, or names of foreign functions
        self.tails = set()
        self.indirect = []  # places
        self.dynamic = []
        self.tls = []
        self.pushed = 0  # all pushes and subtractions from the stack pointer
        self.align = 0
        self.has_call = False
        self.below = False  # touches memory below the stack pointer
        self.below_rbp = False  # touches memory below what may be the frame pointer
        self.has_frame_pointer = False

    def leaf_bytes(self):
        below = self.below or (self.below_rbp and self.has_frame_pointer)
        return RED_ZONE if below and not self.has_call else 0


def run(command):
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False,
                                env={**os.environ, "LC_ALL": "C"})
    except OSError as error:
        raise Trouble(f"{command[0]}: {error.strerror}") from error
    if result.returncode:
        raise Trouble(f"{' '.join(command)}: {result.stderr.strip() or 'failed'}")
    return result.stdout


def base_name(name):
    return CLONE_SUFFIX.sub("", name)


class Object:
    """One object file: its symbols, frames and code."""

    def __init__(self, path, tools):
        self.path = path
        self.tools = tools
        self.functions = {}  # key -> Function
        self.by_section = {}  # section -> [(start, end, key)]
        self.global_names = set()
        self.undefined = set()
        self.thread_locals = []
        self.without_tables = []  # names
        self.machine = None

    def read(self, allow):
        self._read_symbols()
        self._read_code()
        self._read_frames(allow)
        self._read_tables(allow)

    def _read_tables(self, allow):
        """Each entry of .eh_frame has one relocation, to the first byte of its function or of its function's part."""
        starts, is_table = set(), False
        for line in run([self.tools.objdump, "-r", self.path]).splitlines():
            if line.startswith("RELOCATION RECORDS FOR "):
                is_table = "[.eh_frame]" in line
            elif is_table and (match := TABLE.match(line)):
                starts.add((match.group(1), int(match.group(2) or "0", 16)))
        for section, functions in self.by_section.items():
            for start, _, key in functions:
                name = self.functions[key].name
                if (section, start) not in starts and (name, 0) not in starts and name not in allow.frames:
                    self.without_tables.append(name)

    def _key(self, name, is_global):
        return name if is_global else f"{name}@{self.path}"

    def _read_symbols(self):
        text = run([self.tools.objdump, "-t", self.path])
        match = re.search(r"file format (\S+)", text)
        target = match.group(1) if match else ""
        self.machine = {"elf64-x86-64": "x86-64", "elf64-littleaarch64": "aarch64"}.get(target)
        if not self.machine:
            raise Trouble(f"{self.path}: file format '{target}' is not known to this check")
        if "__gnu_lto_slim" in text or "__gnu_lto_v1" in text:
            raise Trouble(f"{self.path}: compiled for link-time optimisation: there is no machine code to look at")
        functions = []
        for line in text.splitlines():
            match = SYMBOL.match(line)
            if not match:
                continue
            start, flags, section, size, name = match.groups()
            if section == "*UND*":
                continue
            if section.startswith((".tbss", ".tdata")) and "d" not in flags:
                self.thread_locals.append(name)
            if flags[6] == "F" or "i" in flags:
                functions.append((name, flags, section, int(start, 16), int(size, 16)))
        present = {name for name, *_ in functions}
        for name, flags, section, start, size in functions:
            hot = COLD_SUFFIX.sub("", name)
            owner = hot if hot != name and hot in present else name
            is_global = any(n == owner and f[0] in "gu!" or n == owner and f[1] == "w" for n, f, *_ in functions)
            key = self._key(owner, is_global)
            self.functions.setdefault(key, Function(key, owner))
            self.by_section.setdefault(section, []).append((start, start + size, key))
            if is_global:
                self.global_names.add(name)
        for line in run([self.tools.nm, "-P", "-u", self.path]).splitlines():
            if line.strip():
                self.undefined.add(line.split()[0])
        for line in run([self.tools.nm, "-P", "-g", "--defined-only", self.path]).splitlines():
            words = line.split()
            if len(words) >= 2 and words[1] != "U":
                self.global_names.add(words[0])

    def _at(self, section, offset):
        """The function at an offset of a section: (key, whether it is the function's first byte)."""
        for start, end, key in self.by_section.get(section, ()):
            if start <= offset < end or (start == offset and start == end):
                return key, start == offset and not self._is_cold(section, start)
        return None, False

    def _is_cold(self, section, start):
        return section.startswith(".text.unlikely") or ".cold" in section or (section, start) in self.cold_starts

    def _read_code(self):
        self.cold_starts = set()
        section, label = None, None
        for line in run([self.tools.objdump, "-drw", "--no-show-raw-insn", self.path]).splitlines():
            if match := SECTION.match(line):
                section, label = match.group(1), None
            elif match := LABEL.match(line):
                label = match.group(2)
                if COLD_SUFFIX.search(label):
                    self.cold_starts.add((section, int(match.group(1), 16)))
            elif section and (match := INSTRUCTION.match(line)):
                self._instruction(section, label, int(match.group(1), 16), match.group(2))

    def _owner(self, section, label, offset):
        key, _ = self._at(section, offset)
        if key:
            return self.functions[key]
        name = label or f"{section}+{offset:#x}"  # code without a function symbol: assembly
        key = self._key(name, name in self.global_names)
        return self.functions.setdefault(key, Function(key, name))

    def _instruction(self, section, label, offset, text):
        parts = text.split("\t")
        code = " ".join(parts)
        relocations = RELOCATION.findall(text)
        code = RELOCATION.sub("", code)
        code = re.split(r"\s+(?:#|//)\s", code)[0].strip()
        function = self._owner(section, label, offset)
        place = f"{os.path.basename(self.path)}:{section}+{offset:#x}: {code}"
        if any(TLS_RELOCATION.search(kind) for _, kind, _ in relocations) or TLS_OPERAND.search(code):
            function.tls.append(place)
        words = code.split()
        while words and words[0] in ("notrack", "bnd", "data16", "rex.W", "lock", "rep", "repz", "cs", "ds", "addr32"):
            words = words[1:]
        if not words:
            return
        mnemonic, operands = words[0], " ".join(words[1:])
        if self.machine == "x86-64":
            self._x86(function, section, offset, mnemonic, operands, relocations, place)
        else:
            self._aarch64(function, section, offset, mnemonic, operands, relocations, place)

    def _x86(self, function, section, offset, mnemonic, operands, relocations, place):
        if re.search(r"-0x[0-9a-f]+\(%rsp", operands):
            function.below = True
        if re.search(r"-0x[0-9a-f]+\(%rbp", operands):
            function.below_rbp = True
        if mnemonic.startswith("mov") and operands == "%rsp,%rbp":
            function.has_frame_pointer = True
        if mnemonic.startswith("push"):
            function.pushed += 8
        elif mnemonic.startswith("enter"):
            function.dynamic.append(place)
        elif re.fullmatch(r"subq?", mnemonic) and operands.endswith(",%rsp"):
            if match := re.match(r"\$(-?0x[0-9a-f]+),", operands):
                function.pushed += abs(int(match.group(1), 16))
            else:
                function.dynamic.append(place)
        elif re.fullmatch(r"addq?", mnemonic) and (match := re.match(r"\$0xf{8}([0-9a-f]{8}),%rsp", operands)):
            function.pushed += (1 << 32) - int(match.group(1), 16)
        elif re.fullmatch(r"andq?", mnemonic) and (match := re.match(r"\$0x(f+)([0-9a-f]*),%rsp", operands)):
            function.align += (1 << 64) - int(match.group(1) + match.group(2), 16) - 8
        is_call = mnemonic.startswith(("call", "lcall"))
        is_jump = mnemonic.startswith(("j", "ljmp", "loop"))
        if not is_call and not is_jump:
            return
        function.has_call |= is_call
        if operands.startswith("*"):
            # call *name@GOTPCREL(%rip): a direct call under -fno-plt.
            got = [target for _, kind, target in relocations if "GOTPCREL" in kind]
            if got and "(%rip)" in operands:
                self._edge(function, is_call, self._symbol_target(got[0], 4), True, place)
            else:
                function.indirect.append(place)
            return
        relocation = [r for r in relocations if r[1].startswith(("R_X86_64_PC", "R_X86_64_PLT", "R_X86_64_GOTPC"))]
        self._direct(function, section, is_call, operands, relocation, 4, place)

    def _aarch64(self, function, section, offset, mnemonic, operands, relocations, place):
        if re.fullmatch(r"subs?", mnemonic) and re.match(r"sp, sp, [xw]\d", operands):
            function.dynamic.append(place)
        if re.fullmatch(r"(blr|br|blra[ab]z?|bra[ab]z?)", mnemonic):
            function.has_call |= mnemonic.startswith("bl")
            function.indirect.append(place)
            return
        is_call = mnemonic == "bl"
        is_jump = mnemonic == "b" or mnemonic.startswith(("b.", "cbz", "cbnz", "tbz", "tbnz"))
        if not is_call and not is_jump:
            return
        function.has_call |= is_call
        self._direct(function, section, is_call, operands.split(",")[-1].strip(), relocations, 0, place)

    def _direct(self, function, section, is_call, target, relocations, correction, place):
        if relocations:
            self._edge(function, is_call, self._symbol_target(relocations[0][2], correction), True, place)
            return
        match = re.match(r"(?:0x)?([0-9a-f]+)\b", target)
        if not match:
            function.indirect.append(place)
            return
        key, is_start = self._at(section, int(match.group(1), 16))
        self._edge(function, is_call, (key, is_start), False, place)

    def _symbol_target(self, text, correction):
        """What a relocation names: (key or foreign name, whether it is a function's start)."""
        match = re.fullmatch(r"(.+?)([+-]0x[0-9a-f]+)?", text)
        name, addend = match.group(1), int(match.group(2) or "0", 16) + correction
        if name in self.by_section:
            return self._at(name, addend)
        local = self._key(name, False)
        if local in self.functions and name not in self.global_names:
            return local, addend == 0
        if COLD_SUFFIX.search(name):
            owner = COLD_SUFFIX.sub("", name)
            for key in (self._key(owner, False), owner):
                if key in self.functions:
                    return key, False
        return name, addend == 0

    def _edge(self, function, is_call, target, is_relocated, place):
        key, is_start = target
        if key is None:
            if is_call:
                function.indirect.append(place + " (to code that belongs to no function)")
            return
        if key == function.key and not is_call:
            if is_start and is_relocated:
                function.tails.add(key)  # a tail call of itself; anything else is a loop
            return
        # A jump into the middle of another function keeps the frame; so it counts as a call.
        (function.tails if is_start and not is_call else function.calls).add(key)

    def _read_frames(self, allow):
        sizes, is_clang = {}, {}
        path = os.path.splitext(self.path)[0] + ".su"
        if not os.path.exists(path):
            if self.functions:
                raise Trouble(f"{path}: not there; {self.path} has to be compiled with -fstack-usage")
            return
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                fields = line.rstrip("\n").split("\t")
                where = fields[0].split(":")
                if len(fields) != 3 or len(where) < 3 or not fields[1].isdigit():
                    raise Trouble(f"{path}: cannot read '{line.strip()}'")
                name = base_name(where[-1])
                sizes[name] = max(sizes.get(name, 0), int(fields[1]))
                is_clang[name] = not where[-2].isdigit() or not where[-3].isdigit()
                if fields[2] == "dynamic":
                    for function in self.functions.values():
                        if base_name(function.name) == name and not function.dynamic:
                            function.dynamic.append(f"{os.path.basename(path)}: {line.strip()}")
        for function in self.functions.values():
            name = base_name(function.name)
            if name in allow.frames and name not in sizes:
                function.frame = allow.frames[name]
            elif name in sizes:
                function.frame = sizes[name] + function.align
                if is_clang[name] and self.machine == "x86-64":
                    function.frame = max(sizes[name], function.pushed) + RETURN_ADDRESS + function.align


class Proof:
    """All objects together."""

    def __init__(self, objects, allow):
        self.allow = allow
        self.faults = []
        self.functions = {}
        defined = set().union(*(o.global_names for o in objects))
        self.missing = {}
        for item in objects:
            self.functions.update(item.functions)
            for name in item.undefined - defined:
                self.missing.setdefault(name, []).append(os.path.basename(item.path))
            for name in item.without_tables:
                self.faults.append(f"tables: {name} in {os.path.basename(item.path)} has no unwind table")
            for name in item.thread_locals:
                self.faults.append(f"tls: {name} in {os.path.basename(item.path)} is thread-local")

    def fault(self, text):
        self.faults.append(text)

    def check_symbols(self):
        for name, where in sorted(self.missing.items()):
            if name not in self.allow.symbols:
                self.fault(f"symbols: {name} is needed by {', '.join(sorted(where))} and not in the allow file")

    def check_functions(self):
        for function in sorted(self.functions.values(), key=lambda f: f.key):
            if function.frame is None:
                self.fault(f"stack: {function.name} has no .su entry; give it a 'frame' line in the allow file")
                function.frame = 0
            if function.indirect and base_name(function.name) not in self.allow.indirect:
                for place in function.indirect:
                    self.fault(f"indirect: {function.name}: {place}")
            for place in function.dynamic:
                self.fault(f"dynamic: {function.name}: {place}")
            for place in function.tls:
                self.fault(f"tls: {function.name}: {place}")

    def check_recursion(self):
        """Every circle's functions, found by Tarjan's components without recursion."""
        for component in self._components():
            key = component[0]
            function = self.functions[key]
            if len(component) > 1 or key in function.calls or key in function.tails:
                names = [self.functions[k].name for k in component]
                self.fault("recursion: " + " -> ".join(names + names[:1]))

    def _components(self):
        index, low, on_stack, stack, found = {}, {}, set(), [], []
        for root in sorted(self.functions):
            if root in index:
                continue
            work = [(root, iter(self._callees(root)))]
            index[root] = low[root] = len(index)
            stack.append(root)
            on_stack.add(root)
            while work:
                key, callees = work[-1]
                for callee in callees:
                    if callee not in index:
                        index[callee] = low[callee] = len(index)
                        stack.append(callee)
                        on_stack.add(callee)
                        work.append((callee, iter(self._callees(callee))))
                        break
                    if callee in on_stack:
                        low[key] = min(low[key], index[callee])
                else:
                    work.pop()
                    if work:
                        low[work[-1][0]] = min(low[work[-1][0]], low[key])
                    if low[key] == index[key]:
                        component = []
                        while True:
                            member = stack.pop()
                            on_stack.discard(member)
                            component.append(member)
                            if member == key:
                                break
                        found.append(component[::-1])
        return found

    def _callees(self, key):
        function = self.functions[key]
        return sorted(k for k in function.calls | function.tails if k in self.functions)

    def deepest(self, key, known):
        """(bytes, [(name, bytes of its own)...]) of the deepest path from a function. There is no recursion."""
        if key in known:
            return known[key]
        function = self.functions.get(key)
        if not function:
            known[key] = self.allow.symbols.get(key, DEFAULT_SYMBOL_STACK), [(key, self.allow.symbols.get(key, 0))]
            return known[key]
        own = function.frame + function.leaf_bytes()
        best = own, [(function.name, own)]
        for callee in sorted(function.calls):
            total, path = self.deepest(callee, known)
            if function.frame + total > best[0]:
                best = function.frame + total, [(function.name, function.frame)] + path
        if function.indirect:
            total = function.frame + self.allow.indirect.get(base_name(function.name), 0)
            if total > best[0]:
                best = total, [(function.name, function.frame), ("(a pointer's target)", total - function.frame)]
        for callee in sorted(function.tails):
            total, path = self.deepest(callee, known)
            if total > best[0]:
                best = total, [(f"{function.name} (tail call)", 0)] + path
        known[key] = best
        return best

    def check_stack(self, roots, budget):
        known, best = {}, (0, [])
        for root in roots:
            if root not in self.functions:
                self.fault(f"stack: there is no root {root} in the objects")
                continue
            best = max(best, self.deepest(root, known), key=lambda found: found[0])
        if best[0] > budget:
            self.fault(f"stack: {best[0]} bytes, the budget is {budget}:\n    " + describe(best[1]))
        return best


def describe(path):
    return "\n    ".join(f"{size:6} {name}" for name, size in path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--nm", default="nm")
    parser.add_argument("--objdump", default="objdump")
    parser.add_argument("--allow", required=True)
    parser.add_argument("--roots", required=True)
    parser.add_argument("--budget", type=int, default=1536)
    parser.add_argument("--stamp")
    parser.add_argument("objects", nargs="+")
    options = parser.parse_args()
    if options.stamp and os.path.exists(options.stamp):
        os.remove(options.stamp)
    try:
        allow = Allow(options.allow)
        objects = [Object(path, options) for path in options.objects]
        for item in objects:
            item.read(allow)
    except Trouble as error:
        print(f"check_handler: {error}", file=sys.stderr)
        return 2
    proof = Proof(objects, allow)
    proof.check_symbols()
    proof.check_functions()
    proof.check_recursion()
    best = (0, [])
    if not any(fault.startswith("recursion") for fault in proof.faults):
        best = proof.check_stack(options.roots.split(","), options.budget)
    if proof.faults:
        for fault in proof.faults:
            print(f"check_handler: {fault}", file=sys.stderr)
        return 1
    summary = f"handler: {len(proof.functions)} functions, {best[0]} of {options.budget} bytes of stack"
    print(f"{summary}: {' > '.join(name for name, _ in best[1])}")
    if options.stamp:
        with open(options.stamp, "w", encoding="utf-8") as file:
            file.write(f"{summary}, deepest path:\n    {describe(best[1])}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
