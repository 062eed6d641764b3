"""Encodes a profile.proto from names: for tests that need what no recorder writes.

    profile = pprof_encode.Profile([("samples", "count"), ("cpu", "nanoseconds")])
    profile.mapping("/usr/bin/prog")
    profile.sample([1, 10], ("inlined", "caller"), "main")     # leaf first; a tuple is one address, innermost first
    data = profile.encode()

Addresses, lines and ids are made up, and the same at each run. Nothing is checked: what does not hold together is
encoded as it is asked for.
"""


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def packed(values):
    return b"".join(varint(value) for value in values)


def message(*fields):
    """Of (number, int or bytes). Zeros are left out, as proto3 has it."""
    out = bytearray()
    for number, value in fields:
        if isinstance(value, int):
            if value:
                out += varint(number << 3) + varint(value)
        else:
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return bytes(out)


class Profile:
    """`header` may have time, duration, period, period_type, comments, default, doc, drop_frames, keep_frames."""

    def __init__(self, types, **header):
        self.strings = {"": 0}
        self.types = types
        self.header = header
        self.samples, self.mappings, self.locations, self.functions = [], [], [], []
        self.function_ids, self.location_ids = {}, {}

    def string(self, text):
        return self.strings.setdefault(text, len(self.strings))

    def value_type(self, pair):
        return message((1, self.string(pair[0])), (2, self.string(pair[1])))

    def mapping(self, file, start=0x400000, build_id="", has_functions=True, offset=0, size=0x100000):
        n = len(self.mappings) + 1
        self.mappings.append(message((1, n), (2, start), (3, start + size), (4, offset), (5, self.string(file)),
                                     (6, self.string(build_id)), (7, int(has_functions)), (8, int(has_functions))))
        return n

    def function(self, name, system_name=None, start_line=0, file=None):
        key = (name, system_name, start_line, file)
        if key not in self.function_ids:
            n = self.function_ids[key] = len(self.functions) + 1
            system = name if system_name is None else system_name
            path = f"/src/{name}.c" if file is None else file
            self.functions.append(message((1, n), (2, self.string(name)), (3, self.string(system)),
                                          (4, self.string(path)), (5, start_line)))
        return self.function_ids[key]

    def location(self, frame, mapping=1, address=None, lines=None, columns=None, is_folded=False):
        """A frame: a name, names that are inlined (innermost first), function ids, or () for no symbol. Its id."""
        frame = (frame,) if isinstance(frame, str) else tuple(frame)
        key = (frame, mapping, address, lines, columns, is_folded)
        if key not in self.location_ids:
            n = self.location_ids[key] = len(self.locations) + 1
            ids = [self.function(item) if isinstance(item, str) else item for item in frame]
            numbers = lines or [10 * n + at for at in range(len(ids))]
            places = columns or [0] * len(ids)
            where = 0x400000 + 16 * n if address is None else address
            entries = [(4, message((1, i), (2, line), (3, column))) for i, line, column in zip(ids, numbers, places)]
            self.locations.append(message((1, n), (2, mapping), (3, where), *entries, (5, int(is_folded))))
        return self.location_ids[key]

    def sample(self, values, *stack, labels=(), mapping=1):
        """Leaf first. A frame is what location() takes, or an id that it gave.

        `labels`: of (key, text), (key, number) or (key, number, unit); a key may come several times.
        """
        ids = [frame if isinstance(frame, int) else self.location(frame, mapping) for frame in stack]
        marks = [(3, self._label(*label)) for label in labels]
        self.samples.append(message((1, packed(ids)), (2, packed(values)), *marks))

    def _label(self, key, value, unit=""):
        if isinstance(value, str):
            return message((1, self.string(key)), (2, self.string(value)))
        return message((1, self.string(key)), (3, value), (4, self.string(unit)))

    def encode(self):
        header = self.header
        fields = [(1, self.value_type(pair)) for pair in self.types] + [(2, sample) for sample in self.samples]
        fields += [(3, mapping) for mapping in self.mappings] + [(4, location) for location in self.locations]
        fields += [(5, function) for function in self.functions]
        last = [(7, self.string(header.get("drop_frames", ""))), (8, self.string(header.get("keep_frames", ""))),
                (9, header.get("time", 0)), (10, header.get("duration", 0))]
        if "period_type" in header:
            last.append((11, self.value_type(header["period_type"])))
        last.append((12, header.get("period", 0)))
        comments = [self.string(comment) for comment in header.get("comments", [])]
        last += [(13, packed(comments))] if comments else []
        last += [(14, self.string(header.get("default", ""))), (15, self.string(header.get("doc", "")))]
        fields += [(6, text.encode()) for text in self.strings]
        return message(*fields, *last)
