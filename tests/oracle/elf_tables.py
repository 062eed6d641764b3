"""What binutils say of an ELF file's symbols and unwind tables: an opinion that owes nothing to ours."""

import bisect
import functools
import re
import subprocess
import typing

# DWARF's numbers of the x86-64 registers, as readelf names them.
REGISTERS = ["rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp",
             "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"]
FDE = re.compile(r"^[0-9a-f]+ [0-9a-f]+ [0-9a-f]+ FDE cie=([0-9a-f]+) pc=([0-9a-f]+)\.\.([0-9a-f]+)")
ROW = re.compile(r"^([0-9a-f]{16}) (\S+)\s+(.*)")
SECTION = re.compile(r"^\s*\[\s*\d+\] (\S+)\s+\S+\s+([0-9a-f]{16}) [0-9a-f]+ ([0-9a-f]+) ")
LOAD = re.compile(r"^\s+LOAD\s+0x[0-9a-f]+ 0x([0-9a-f]+) ")
SYMBOL = re.compile(r"^([0-9a-f]{16}) ([0-9a-f]{16}) [TtWwiu] ([^@\s]+)")


class Row(typing.NamedTuple):
    """CFA and return address, as readelf writes them: `rsp+8`, `exp`; `c-8`, `u`."""
    begin: int
    end: int
    cfa: str
    ra: str


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False).stdout


def looked_up(ranges, address):
    """The one of sorted tuples (begin, end, …) that holds the address, or None."""
    at = bisect.bisect_right(ranges, address, key=lambda one: one[0]) - 1
    return ranges[at] if at >= 0 and address < ranges[at][1] else None


@functools.lru_cache(None)
def address_of_first_byte(path):
    """0, but for programs that are linked for a fixed place."""
    loads = [match for match in map(LOAD.match, output_of("readelf", "-lW", path).splitlines()) if match]
    return int(loads[0][1], 16) & ~0xfff if loads else 0


def in_file(place):
    """A place ([file, offset from where its first byte is in memory]) as (path, address in the file's tables)."""
    path, offset = place
    return path, offset + (address_of_first_byte(path) if path.startswith("/") else 0)


@functools.lru_cache(None)
def symbols(path):
    found = set()
    for table in ([], ["-D"]):
        for line in output_of("nm", "-S", "--defined-only", *table, path).splitlines():
            match = SYMBOL.match(line)
            if match:
                begin, size = int(match[1], 16), int(match[2], 16)
                found.add((begin, begin + size, match[3]))
    return sorted(found)


@functools.lru_cache(None)
def sections(path):
    lines = output_of("readelf", "-SW", path).splitlines()
    found = [(int(m[2], 16), int(m[2], 16) + int(m[3], 16), m[1]) for m in map(SECTION.match, lines) if m]
    return sorted(section for section in found if section[0])


def rows_of_entry(begin, end, common, lines):
    """The rows of an entry; where it has none, the one that it has in common with others."""
    columns, found = [], []
    for line in lines:
        row = ROW.match(line)
        if line.split()[:2] == ["LOC", "CFA"]:
            columns = line.split()[2:]
        elif row:
            rules = dict(zip(columns, row[3].split()))
            found.append(Row(int(row[1], 16), end, row[2], rules.get("ra", "?")))
    if not found and common:
        found = [common._replace(begin=begin, end=end)]
    return [row._replace(end=after.begin) for row, after in zip(found, found[1:])] + found[-1:]


@functools.lru_cache(None)
def rows(path):
    """All rows of .eh_frame. A row reaches to the next one, or to the end of what its entry covers."""
    found, common = [], {}
    for block in output_of("readelf", "--debug-dump=frames-interp", path).split("\n\n"):
        lines = block.strip("\n").splitlines()
        entry = next((match for match in map(FDE.match, lines) if match), None)
        if entry:
            found += rows_of_entry(int(entry[2], 16), int(entry[3], 16), common.get(entry[1]), lines)
        elif any(" CIE " in line for line in lines):
            head = next(line for line in lines if " CIE " in line)
            common[head.split()[0]] = next(iter(rows_of_entry(0, 0, None, lines)), None)
    return sorted(found)


def name(place):
    """A place for people: by symbol, else by section."""
    path, offset = in_file(place)
    short = path.rsplit("/", 1)[-1]
    if not path.startswith("/"):
        return f"{short or 'nowhere'}+{offset:#x}"
    found = looked_up(symbols(path), offset)
    if found:
        return f"{short}:{found[2]}+{offset - found[0]:#x}"
    found = looked_up(sections(path), offset)
    return f"{short}:{found[2]}!{offset:#x}" if found else f"{short}!{offset:#x}"


def slot_by_table(place, is_caller, registers):
    """
    Where the table has the return address of the frame at `place`: an address; None when there is no table; "?" when it
    cannot be told from the registers that are known (0: not known); "elsewhere" when the table has it in no memory.
    """
    path, offset = in_file(place)
    row = looked_up(rows(path), offset - (1 if is_caller else 0)) if path.startswith("/") else None
    if row is None:
        return None
    saved = re.fullmatch(r"c([+-]\d+)", row.ra)
    if not saved:
        return "elsewhere"
    cfa = re.fullmatch(r"(\w+)([+-]\d+)", row.cfa)
    value = registers[REGISTERS.index(cfa[1])] if cfa and cfa[1] in REGISTERS else 0
    return value + int(cfa[2]) + int(saved[1]) if value else "?"


def has_caller(place, is_caller):
    """Whether the table says where the caller of the frame at `place` is."""
    path, offset = in_file(place)
    row = looked_up(rows(path), offset - (1 if is_caller else 0)) if path.startswith("/") else None
    return row is not None and row.ra != "u"
