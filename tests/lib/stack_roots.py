"""Whether stacks reach where their thread began, told from the files that addresses lie in and not from names: most
programs of a distribution have none.

A thread begins behind one of two things: a program's or the dynamic linker's entry, which its ELF header names, and the
system call that made the thread, clone or clone3, in libc. A coroutine's first function returns to the very beginning
of a function that no call stands before. Where a file has names, those of runtimes that begin their threads themselves
count too. For x86-64.

    roots = stack_roots.Roots()
    roots.kind(sample)        # "entry", "clone", "coroutine", "runtime", "settled" or None
    roots.place(location)     # "libc.so.6+0x12345", by the file's own addresses
"""

import bisect
import os
import struct

ENTRY_BYTES = 64  # of code at an entry, before it calls or jumps away for good
CLONE_BYTES = 64  # from the system call's number to the child's first call
CLONES = tuple(b"\xb8" + struct.pack("<I", number) for number in (56, 435))  # mov $number, %eax: clone, clone3
SYSCALL = b"\x0f\x05"
NEAR_CALL, NEAR_CALL_BYTES = b"\xe8", 5
RUNTIME_STARTS = {"runtime.goexit", "runtime.mstart", "runtime.mcall", "runtime.morestack", "runtime.rt0_go",
                  "runtime.clone", "coroutine_start"}
PT_LOAD, PT_GNU_EH_FRAME, PF_X = 1, 0x6474E550, 1


class Elf:
    """What an ELF file of this machine's kind says of its code. Addresses are the file's own."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        if self.data[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{path} is no ELF file of 64 bits")
        self.entry, table = struct.unpack_from("<QQ", self.data, 24)
        size, count = struct.unpack_from("<HH", self.data, 54)
        self.loads, self.header = [], None
        for at in range(table, table + size * count, size):
            kind, flags, offset, address, _, in_file, _, _ = struct.unpack_from("<IIQQQQQQ", self.data, at)
            if kind == PT_LOAD:
                self.loads.append((offset, in_file, address, flags))
            elif kind == PT_GNU_EH_FRAME:
                self.header = offset, address
        self._starts = None

    def address(self, offset):
        """Of a byte of the file; None where it is not loaded."""
        for start, size, address, _ in self.loads:
            if start <= offset < start + size:
                return address + offset - start
        return None

    def code(self, address, size):
        for start, length, base, _ in self.loads:
            if base <= address < base + length:
                return self.data[start + address - base:][:size]
        return b""

    def starts(self):
        """Where the entries of .eh_frame's table begin: functions, and parts of them that stand apart."""
        if self._starts is None:
            self._starts = []
            if self.header:
                at, base = self.header
                version, _, count_form, form = self.data[at:at + 4]
                if (version, count_form, form) == (1, 3, 0x3B):
                    (count,) = struct.unpack_from("<I", self.data, at + 8)
                    words = struct.unpack_from(f"<{2 * count}i", self.data, at + 12)
                    self._starts = [base + word for word in words[::2]]
        return self._starts

    def start_before(self, address):
        starts = self.starts()
        found = bisect.bisect_right(starts, address)
        return starts[found - 1] if found else None


class Roots:
    """Remembers the files that it has read."""

    def __init__(self):
        self._files = {}

    def _elf(self, path):
        if path not in self._files:
            try:
                self._files[path] = Elf(path)
            except (OSError, ValueError, struct.error):
                self._files[path] = None
        return self._files[path]

    def find(self, location):
        """(file's contents, address in it) of a location; (None, None) for code of no file."""
        mapping = location.mapping
        elf = self._elf(mapping.file) if mapping else None
        if elf is None:
            return None, None
        return elf, elf.address(location.address - mapping.start + mapping.offset)

    def place(self, location):
        elf, address = self.find(location)
        if address is None:
            return os.path.basename(location.mapping.file) if location.mapping else "no mapping"
        return f"{os.path.basename(location.mapping.file)}+{address:#x}"

    def function(self, location):
        """The place of the function, told by its entry in .eh_frame; names as far as there are any."""
        elf, address = self.find(location)
        names = [name for name, _ in location.lines if name]
        name = f" ({names[-1]})" if names else ""
        if address is None:
            return self.place(location) + name
        start = elf.start_before(address)
        where = f"{start:#x}" if start is not None else "no entry"
        return f"{os.path.basename(location.mapping.file)} {where}{name}"

    def kind(self, sample):
        """How the stack began; None: it does not reach the beginning of a thread."""
        root = sample.locations[-1]
        if any(name.removesuffix(".abi0") in RUNTIME_STARTS for name, _ in root.lines):
            return "runtime"
        elf, address = self.find(root)
        if address is None:
            return None
        if elf.entry <= address < elf.entry + ENTRY_BYTES:
            return "entry"
        before = elf.code(address - CLONE_BYTES, CLONE_BYTES)
        for number in CLONES:
            at = before.find(number)
            if at >= 0 and SYSCALL in before[at:]:
                return "clone"
        returns_to = address + 1  # locations have a return address less one
        if returns_to in elf.starts() and len(sample.locations) > 1 and \
                elf.code(returns_to - NEAR_CALL_BYTES, 1) != NEAR_CALL:
            return "coroutine"
        if len(sample.locations) == 1 and elf.start_before(address) == address:
            return "settled"  # what the thread still owed at its end, put to its start routine
        return None
