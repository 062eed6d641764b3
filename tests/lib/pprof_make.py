"""A profile that has addresses and no names, as a recorder leaves it that does not know better.

    data = pprof_make.of_addresses("/usr/bin/x", build_id, (start, limit, offset), addresses)
"""

import pprof
from pprof_edit import encode

FRAMES = 10  # of a stack
MS = 1_000_000


def _number(field, value):
    return field, pprof.VARINT, value


def _message(field, *fields):
    return field, pprof.BYTES, encode(fields)


def _packed(field, values):
    # Elements of a packed field are varints without keys: as encoded here, each but for its first byte.
    return field, pprof.BYTES, b"".join(encode([_number(1, value)])[1:] for value in values)


def of_addresses(file, build_id, mapping, addresses):
    """One mapping, (start, limit, offset), and one location for each address, in stacks of FRAMES. Not gzipped."""
    start, limit, offset = mapping
    texts = ["", "samples", "count", "cpu", "nanoseconds", file, build_id]
    fields = [_message(1, _number(1, 1), _number(2, 2)), _message(1, _number(1, 3), _number(2, 4))]
    ids = range(1, len(addresses) + 1)
    for first in range(0, len(addresses), FRAMES):
        fields.append(_message(2, _packed(1, ids[first:first + FRAMES]), _packed(2, [1, 10 * MS])))
    fields.append(_message(3, _number(1, 1), _number(2, start), _number(3, limit), _number(4, offset), _number(5, 5),
                           _number(6, 6)))
    fields += [_message(4, _number(1, i), _number(2, 1), _number(3, address)) for i, address in zip(ids, addresses)]
    fields += [(6, pprof.BYTES, text.encode()) for text in texts]
    fields += [_number(9, 1), _number(10, 10 * MS * len(addresses)), _message(11, _number(1, 3), _number(2, 4)),
               _number(12, 10 * MS)]
    return encode(fields)
