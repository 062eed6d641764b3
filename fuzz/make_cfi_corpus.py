#!/usr/bin/env python3
"""Writes inputs for fuzz_cfi from the unwind tables of ELF files.

usage: make_cfi_corpus.py FOLDER [FILE...]     (default: a few libraries and programs of the system)

Each input is a small image with a header, one CIE and up to three of its FDEs, moved to code in front of it, with a pc in
one of them, and a stack full of such pcs. FDEs are chosen so that each set of operations that occurs is there: a library
has thousands of FDEs, but some hundred such sets.
"""

import glob
import hashlib
import itertools
import os
import struct
import sys

WANTED = ["libc.so.6", "ld-linux-x86-64.so.2", "libcrypto.so.3", "libstdc++.so.6", "libgcrypt.so.20", "libm.so.6",
          "libgcc_s.so.1", "libsqlite3.so.0", "libpython3*.so.1.0"]
PROGRAMS = ["/usr/bin/python3", "/usr/bin/perl", "/usr/bin/openssl", "/usr/bin/gdb"]
PER_KIND = 3  # inputs of each set of operations
LIMIT = 1000  # inputs in all
CODE = -0x10000  # where the first FDE's code is, from the image's beginning
IMAGE_AT = 0x200000000000 + 0x11000  # as in fuzz_cfi.c
IMAGE_BYTES = 4 * 4096
STACK_END = 0x210000000000 + 4096
STACK_WORDS = 24


def system_files():
    folders = ["/usr/lib/*-linux-gnu", "/lib64", "/usr/lib64"]
    found = [path for folder in folders for name in WANTED for path in glob.glob(os.path.join(folder, name))]
    return [*dict.fromkeys(os.path.realpath(path) for path in found + PROGRAMS if os.path.exists(path))]


def eh_frame(data):
    """The bytes of .eh_frame of a 64-bit little-endian ELF file, or None."""
    if data[:6] != b"\x7fELF\x02\x01":
        return None
    offset, = struct.unpack_from("<Q", data, 40)
    size, count, names = struct.unpack_from("<HHH", data, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, offset + i * size) for i in range(count)]
    for name, _, _, _, at, length, *_ in sections:
        text = data[sections[names][4] + name:][:10]
        if text == b".eh_frame\0":
            return data[at:at + length]
    return None


def entries(frames):
    """(place, CIE's place or None, bytes behind the length) of each entry."""
    at = 0
    while at + 8 <= len(frames):
        length, pointer = struct.unpack_from("<II", frames, at)
        if length in (0, 0xffffffff) or at + 4 + length > len(frames):
            return
        yield at, None if pointer == 0 else at + 4 - pointer, frames[at + 4:at + 4 + length]
        at += 4 + length


def skip_leb(data, at):
    while data[at] & 0x80:
        at += 1
    return at + 1


def is_usual(cie):
    """Whether a CIE's FDEs have addresses relative to their place, in four bytes (DW_EH_PE_pcrel | sdata4)."""
    end = cie.index(b"\0", 5)
    letters = cie[5:end].decode("latin-1")
    if not letters.startswith("z"):
        return False
    at = skip_leb(cie, skip_leb(cie, skip_leb(cie, skip_leb(cie, end + 1))))
    for letter in letters[1:]:
        if letter == "R":
            return cie[at] == 0x1b
        if letter == "P":
            if cie[at] & 0x0f not in (0x03, 0x0b):
                return False
            at += 5
        elif letter == "L":
            at += 1
    return False


# Operands of DW_CFA_*: a number is so many bytes, u a LEB128, b a block behind its length.
OPERANDS = {0x02: "1", 0x03: "2", 0x04: "4", 0x05: "uu", 0x06: "u", 0x07: "u", 0x08: "u", 0x09: "uu", 0x0c: "uu",
            0x0d: "u", 0x0e: "u", 0x0f: "b", 0x10: "ub", 0x11: "uu", 0x12: "uu", 0x13: "u", 0x14: "uu", 0x15: "uu",
            0x16: "ub", 0x2e: "u", 0x2f: "uu"}


def operations(code):
    """The operations of a list of instructions, without their operands."""
    at = 0
    while at < len(code):
        operation = code[at] & 0xc0 or code[at]
        at += 1
        yield operation
        for operand in "u" if operation == 0x80 else OPERANDS.get(operation, ""):
            if operand.isdigit():
                at += int(operand)
            elif operand == "u":
                at = skip_leb(code, at)
            else:
                at = skip_leb(code, at) + code[at]


def kind_of(cie, fde):
    """What makes two FDEs alike enough: their CIE but for its addresses, and which operations there are."""
    try:
        behind = skip_leb(fde, 12) + fde[12]
        return cie[:8], len(cie), frozenset(operations(fde[behind:]))
    except IndexError:
        return None


def image_of(cie, fdes):
    """(bytes, code of each FDE as (begin, length) from the image's beginning)."""
    header_bytes = 12 + 8 * len(fdes)
    body = struct.pack("<I", len(cie)) + cie
    table, code, ranges = b"", CODE, []
    for fde in fdes:
        place = header_bytes + len(body)
        length, = struct.unpack_from("<I", fde, 8)
        body += struct.pack("<IIi", len(fde), place + 4 - header_bytes, code - (place + 8)) + fde[8:]
        table += struct.pack("<ii", code, place)
        ranges.append((code, length))
        code += (length + 15) // 16 * 16
    header = struct.pack("<BBBBiI", 1, 0x1b, 0x03, 0x3b, header_bytes - 4, len(fdes))
    return header + table + body + b"\0\0\0\0", ranges


def input_of(cie, fdes, number):
    image, ranges = image_of(cie, fdes)
    begin, length = ranges[number % len(ranges)]
    pc = begin + (length * (number % 7)) // 7
    at_end = number % 2
    low = IMAGE_AT + at_end * (IMAGE_BYTES - len(image))
    head = struct.pack("<BBHi", at_end, STACK_WORDS, 0, pc)
    sp = STACK_END - 8 * STACK_WORDS
    registers = struct.pack("<8Q", sp, sp + 64, sp + 32, sp + 96, *[sp + 128] * 4)
    words = [low + ranges[i % len(ranges)][0] + ranges[i % len(ranges)][1] // 2 if i % 2 else sp + 8 * i + 32
             for i in range(STACK_WORDS)]
    return head + registers + struct.pack(f"<{STACK_WORDS}Q", *words) + image


def inputs(path, kinds):
    with open(path, "rb") as file:
        frames = eh_frame(file.read())
    if frames is None:
        return
    cies, recent = {}, {}
    for place, cie_place, data in entries(frames):
        if cie_place is None:
            cies[place] = data if is_usual(data) else None
            continue
        cie = cies.get(cie_place)
        if cie is None or len(data) < 16 or len(data) > 1024:
            continue
        last = recent.setdefault(cie_place, [])
        last[:] = [*last[-2:], data]
        kind = kind_of(cie, data)
        if kind is not None and kinds.get(kind, 0) < PER_KIND:
            kinds[kind] = kinds.get(kind, 0) + 1
            yield input_of(cie, last, len(kinds))


def main():
    if len(sys.argv) < 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    os.makedirs(sys.argv[1], exist_ok=True)
    kinds, written = {}, 0
    contents = (content for path in sys.argv[2:] or system_files() for content in inputs(path, kinds))
    for content in itertools.islice(contents, LIMIT):
        name = hashlib.sha1(content).hexdigest()
        with open(os.path.join(sys.argv[1], name), "wb") as file:
            file.write(content)
        written += 1
    print(f"{written} inputs of {len(kinds)} kinds")
    return 0 if written else 1


if __name__ == "__main__":
    sys.exit(main())
