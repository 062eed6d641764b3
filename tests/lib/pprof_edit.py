"""Profiles with something taken out or replaced, for the tests that need what no recorder of ours writes.

Works on the wire, field by field, so that all that it is not told to touch stays as it was.
"""

import gzip

import pprof

MAPPING, LOCATION, FUNCTION, STRING = 3, 4, 5, 6  # fields of Profile
MAPPING_OF_LOCATION, LINE = 2, 4  # of Location
HAS_FUNCTIONS, HAS_INLINE_FRAMES = 7, 10  # of Mapping, with what is between


def _varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def encode(fields):
    out = bytearray()
    for number, wire, value in fields:
        out += _varint(number << 3 | wire)
        if wire == pprof.VARINT:
            out += _varint(value)
        else:
            out += (_varint(len(value)) if wire == pprof.BYTES else b"") + value
    return bytes(out)


def _edit(path, change):
    """The file's bytes, uncompressed, with each field of the profile as `change` gives it back; None leaves it out."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    changed = (change(*field) for field in pprof.fields(data))
    return encode(field for field in changed if field is not None)


def _without(value, numbers):
    return encode(field for field in pprof.fields(value) if field[0] not in numbers)


def without_names(path):
    """No lines, no functions, and mappings that claim none."""
    def change(number, wire, value):
        if number == FUNCTION:
            return None
        if number == LOCATION:
            value = _without(value, {LINE})
        elif number == MAPPING:
            value = _without(value, range(HAS_FUNCTIONS, HAS_INLINE_FRAMES + 1))
        return number, wire, value
    return _edit(path, change)


def without_mappings(path):
    """Addresses that are nobody's."""
    def change(number, wire, value):
        if number == MAPPING:
            return None
        return number, wire, _without(value, {MAPPING_OF_LOCATION}) if number == LOCATION else value
    return _edit(path, change)


def with_string(path, old, new):
    """`new` wherever the profile has `old`."""
    def change(number, wire, value):
        return number, wire, new.encode() if number == STRING and value == old.encode() else value
    return _edit(path, change)
