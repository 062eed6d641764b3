"""Reads profile.proto, for the tests that look at the product from outside.

Written against google/pprof's proto/profile.proto, with sigprof's two fields of its own (7001: facts, 7002: accounts),
and with nothing of the program under test, so that the two cannot make the same mistake. Only Python's standard library.

    profile = pprof.read("sigprof.pb.gz")
    profile.check()
    for sample in profile.samples:
        print(sample.function_names(), sample.labels, sample.values)
"""

import gzip
import re

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Invalid(Exception):
    """The bytes are no profile, or the profile breaks a rule."""


def _varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Invalid(f"bad varint at byte {at}")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> 64:
                raise Invalid(f"varint above 64 bits at byte {at}")
            return value, at
        shift += 7


def _signed(value):
    return value - (1 << 64) if value >> 63 else value


def fields(data):
    """(number, wire type, value) of each field of a message."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise Invalid("field number 0")
        if wire == VARINT:
            value, at = _varint(data, at)
        elif wire == BYTES:
            size, at = _varint(data, at)
            value, at = data[at:at + size], at + size
        elif wire in (FIXED64, FIXED32):
            size = 8 if wire == FIXED64 else 4
            value, at = data[at:at + size], at + size
        else:
            raise Invalid(f"wire type {wire} of field {number}")
        if at > len(data):
            raise Invalid(f"field {number} ends behind its message")
        yield number, wire, value


class _Message:
    """The fields of one message, by number."""

    def __init__(self, data):
        self.by_number = {}
        for number, wire, value in fields(data):
            self.by_number.setdefault(number, []).append((wire, value))

    def _last(self, number, wanted, default):
        found = default
        for wire, value in self.by_number.get(number, ()):
            if wire != wanted:
                raise Invalid(f"field {number} has wire type {wire}")
            found = value
        return found

    def uint(self, number):
        return self._last(number, VARINT, 0)

    def int(self, number):
        return _signed(self.uint(number))

    def bool(self, number):
        return self.uint(number) != 0

    def bytes(self, number):
        return self._last(number, BYTES, b"")

    def message(self, number):
        return _Message(self.bytes(number))

    def messages(self, number):
        return [_Message(self._typed(item, number, BYTES)) for item in self.by_number.get(number, ())]

    def blobs(self, number):
        return [self._typed(item, number, BYTES) for item in self.by_number.get(number, ())]

    def uints(self, number):
        """A repeated number, packed or not."""
        values = []
        for wire, value in self.by_number.get(number, ()):
            if wire == VARINT:
                values.append(value)
                continue
            at = 0
            self._typed((wire, value), number, BYTES)
            while at < len(value):
                item, at = _varint(value, at)
                values.append(item)
        return values

    def ints(self, number):
        return [_signed(value) for value in self.uints(number)]

    @staticmethod
    def _typed(item, number, wanted):
        if item[0] != wanted:
            raise Invalid(f"field {number} has wire type {item[0]}")
        return item[1]


class Mapping:
    def __init__(self, message, text):
        self.id = message.uint(1)
        self.start = message.uint(2)
        self.limit = message.uint(3)
        self.offset = message.uint(4)
        self.file = text(message.int(5))
        self.build_id = text(message.int(6))
        self.has_functions = message.bool(7)
        self.has_filenames = message.bool(8)
        self.has_line_numbers = message.bool(9)
        self.has_inline_frames = message.bool(10)

    @property
    def flags(self):
        """The names of the has_* that are set, without the has_."""
        names = ("functions", "filenames", "line_numbers", "inline_frames")
        return {name for name in names if getattr(self, "has_" + name)}


class Function:
    def __init__(self, message, text):
        self.id = message.uint(1)
        self.name = text(message.int(2))
        self.system_name = text(message.int(3))
        self.filename = text(message.int(4))
        self.start_line = message.int(5)


class Location:
    """`lines` is [(function name, line)], innermost inlined function first."""

    def __init__(self, message):
        self.id = message.uint(1)
        self.mapping_id = message.uint(2)
        self.address = message.uint(3)
        self.line_ids = [(line.uint(1), line.int(2)) for line in message.messages(4)]
        self.is_folded = message.bool(5)
        self.mapping = None
        self.functions = []
        self.lines = []


class Sample:
    """`locations` is leaf first; a value of `labels` is a text, or a number, or a list where a key comes twice."""

    def __init__(self, message, text):
        self.location_ids = message.uints(1)
        self.values = message.ints(2)
        self.labels = {}
        self.label_list = []
        for label in message.messages(3):
            key, string, number = text(label.int(1)), label.int(2), label.int(3)
            value = text(string) if string else number
            self.label_list.append((key, value, text(label.int(4))))
            if key in self.labels:
                before = self.labels[key]
                self.labels[key] = [*(before if isinstance(before, list) else [before]), value]
            else:
                self.labels[key] = value
        self.locations = []

    def function_names(self):
        """Leaf first, with inlined ones; "" for a frame without a name."""
        return [name for location in self.locations for name, _ in (location.lines or [("", 0)])]

    def function_locations(self):
        """The location of each of function_names."""
        return [location for location in self.locations for _ in (location.lines or [("", 0)])]

    def stack(self):
        """[(address, mapping, [(function name, line)])], leaf first."""
        return [(location.address, location.mapping, location.lines) for location in self.locations]


class Account:
    """sigprof's own: the CPU time of a thread, of several (n_threads > 1, tid 0), or of a process (n_threads 0)."""

    def __init__(self, message, text):
        self.pid = message.uint(1)
        self.tid = message.uint(2)
        self.n_threads = message.uint(3)
        self.process = text(message.int(4))
        self.thread = text(message.int(5))
        self.reason = text(message.int(6))
        self.kernel_ns = message.int(7)
        self.recorded_ns = message.int(8)
        self.unsampled_ns = message.int(9)


class Profile:
    """One decoded profile; constructed from the bytes of a file, gzipped or not."""

    def __init__(self, data):
        self.is_gzipped = data[:2] == b"\x1f\x8b"
        if self.is_gzipped:
            try:
                data = gzip.decompress(data)
            except (OSError, EOFError) as error:
                raise Invalid(f"gzip: {error}") from error
        message = _Message(data)
        self.raw_strings = message.blobs(6)
        self.strings = [blob.decode("utf-8", "replace") for blob in self.raw_strings]
        text = self._text
        self.sample_types = self._types(message.messages(1))
        self.samples = [Sample(item, text) for item in message.messages(2)]
        self.mappings = [Mapping(item, text) for item in message.messages(3)]
        self.locations = [Location(item) for item in message.messages(4)]
        self.functions = [Function(item, text) for item in message.messages(5)]
        self.drop_frames = text(message.int(7))
        self.keep_frames = text(message.int(8))
        self.time_ns = message.int(9)
        self.duration_ns = message.int(10)
        self.period_type = self._types([message.message(11)])[0]
        self.period = message.int(12)
        self.comments = [text(index) for index in message.ints(13)]
        self.default_sample_type = text(message.int(14))
        self.facts = {text(item.int(1)): (item.int(3), text(item.int(2))) for item in message.messages(7001)}
        self.accounts = [Account(item, text) for item in message.messages(7002)]
        self._link()

    def _text(self, index):
        if not 0 <= index < len(self.strings):
            raise Invalid(f"string {index} of {len(self.strings)}")
        return self.strings[index]

    def _types(self, messages):
        return [(self._text(item.int(1)), self._text(item.int(2))) for item in messages]

    @staticmethod
    def _by_id(items, what):
        found = {item.id: item for item in items}
        if len(found) != len(items) or 0 in found:
            raise Invalid(f"{what} ids are not unique and above 0")
        return found

    @staticmethod
    def _get(items, key, what):
        if key not in items:
            raise Invalid(f"{what} {key} does not exist")
        return items[key]

    def _link(self):
        mappings = self._by_id(self.mappings, "mapping")
        functions = self._by_id(self.functions, "function")
        locations = self._by_id(self.locations, "location")
        for location in self.locations:
            if location.mapping_id:
                location.mapping = self._get(mappings, location.mapping_id, "mapping")
            for function_id, line in location.line_ids:
                function = self._get(functions, function_id, "function")
                location.functions.append(function)
                location.lines.append((function.name, line))
        for sample in self.samples:
            sample.locations = [self._get(locations, key, "location") for key in sample.location_ids]

    def index(self, kind):
        """Where the values of a sample type, such as "cpu", stand."""
        for position, (name, _) in enumerate(self.sample_types):
            if name == kind:
                return position
        raise Invalid(f"no sample type {kind}; there are {self.sample_types}")

    def total(self, kind="cpu"):
        position = self.index(kind)
        return sum(sample.values[position] for sample in self.samples)

    def flat(self, kind="cpu"):
        """{function name: value of the samples whose innermost frame it is}."""
        return self._sums(kind, lambda sample: set(sample.function_names()[:1]))

    def cum(self, kind="cpu"):
        """{function name: value of the samples that have it anywhere}."""
        return self._sums(kind, lambda sample: set(sample.function_names()))

    def by_label(self, key, kind="cpu"):
        """{value of the label: value of its samples}; None where a sample has no such label."""
        return self._sums(kind, lambda sample: {sample.labels.get(key)})

    def _sums(self, kind, names_of):
        position, sums = self.index(kind), {}
        for sample in self.samples:
            for name in names_of(sample):
                sums[name] = sums.get(name, 0) + sample.values[position]
        return sums

    # The rules of a valid CPU profile.

    def check(self, executable=None):
        """Raises Invalid, which names every broken rule. `executable`: what the file of mapping 1 ends with."""
        faults = [*self._check_head(), *self._check_strings(), *self._check_ids(), *self._check_mappings(executable),
                  *self._check_locations(), *self._check_samples(), *self._check_accounts()]
        if faults:
            more = f"\n({len(faults) - 20} more)" if len(faults) > 20 else ""
            raise Invalid("\n".join(faults[:20]) + more)
        return self

    def _check_head(self):
        if not self.is_gzipped:
            yield "the file is not gzipped"
        if self.sample_types[:2] != [("samples", "count"), ("cpu", "nanoseconds")]:
            yield f"sample types are {self.sample_types}"
        if self.period_type != ("cpu", "nanoseconds"):
            yield f"period type is {self.period_type}"
        if self.period <= 0:
            yield f"period is {self.period}"
        if self.time_ns < 1_500_000_000 * 10**9:
            yield f"time is {self.time_ns}, not nanoseconds since 1970"
        if self.duration_ns <= 0:
            yield f"duration is {self.duration_ns}"

    def _check_strings(self):
        if not self.raw_strings or self.raw_strings[0]:
            yield 'string 0 is not ""'
        if len(set(self.raw_strings)) != len(self.raw_strings):
            seen, twice = set(), set()
            for blob in self.raw_strings:
                (twice if blob in seen else seen).add(blob)
            yield f"strings stand there twice: {sorted(twice)[:5]}"
        for blob in self.raw_strings:
            try:
                blob.decode("utf-8")
            except UnicodeDecodeError:
                yield f"string {blob!r} is not UTF-8"

    def _check_accounts(self):
        if "" in self.facts:
            yield "a fact without a key"
        for number, account in enumerate(self.accounts):
            where = f"account {number} (pid {account.pid}, tid {account.tid})"
            if min(account.kernel_ns, account.recorded_ns, account.unsampled_ns) < 0:
                yield f"{where}: a negative time"
            if account.pid == 0 or (account.tid != 0 and account.n_threads != 1):
                yield f"{where}: for {account.n_threads} threads"

    def _check_ids(self):
        for what, items in (("mapping", self.mappings), ("location", self.locations), ("function", self.functions)):
            if [item.id for item in items] != list(range(1, len(items) + 1)):
                yield f"{what} ids are not 1, 2, 3 and so on"

    def _check_mappings(self, executable):
        if self.samples and not self.mappings:
            yield "no mappings"
        for mapping in self.mappings:
            where = f"mapping {mapping.id} ({mapping.file})"
            if mapping.limit <= mapping.start:
                yield f"{where}: {mapping.start:#x} to {mapping.limit:#x}"
            if not re.fullmatch(r"([0-9a-f]{2})*", mapping.build_id):
                yield f"{where}: build id {mapping.build_id!r} is not lower-case hex"
            if not mapping.file:
                yield f"{where}: no file"
            own = [location for location in self.locations if location.mapping is mapping]
            functions = [function for location in own for function in location.functions]
            if mapping.has_functions and not functions:
                yield f"{where}: has_functions, but no location has one"
            if mapping.has_filenames and not any(function.filename for function in functions):
                yield f"{where}: has_filenames, but no function has one"
            if mapping.has_line_numbers and not any(line for location in own for _, line in location.lines):
                yield f"{where}: has_line_numbers, but no location has one"
            if mapping.has_inline_frames and not mapping.has_functions:
                yield f"{where}: has_inline_frames, but not has_functions"
        if executable is not None and self.mappings and not self.mappings[0].file.endswith(executable):
            yield f"mapping 1 is {self.mappings[0].file}, not {executable}"

    def _check_locations(self):
        seen = set()
        for location in self.locations:
            where = f"location {location.id} ({location.address:#x})"
            mapping = location.mapping
            if location.address == 0 and not location.lines:
                yield f"{where}: neither address nor line"
            if mapping and location.address and not mapping.start <= location.address < mapping.limit:
                yield f"{where}: outside of its mapping {mapping.start:#x} to {mapping.limit:#x}"
            key = (location.mapping_id, location.address, tuple(location.line_ids))
            if key in seen:
                yield f"{where}: stands there twice"
            seen.add(key)
            for function in location.functions:
                if not function.name:
                    yield f"{where}: function {function.id} has no name"

    def _check_samples(self):
        seen = set()
        for number, sample in enumerate(self.samples):
            where = f"sample {number}"
            if len(sample.values) != len(self.sample_types):
                yield f"{where}: {len(sample.values)} values for {len(self.sample_types)} types"
                continue
            if any(value < 0 for value in sample.values) or not any(sample.values):
                yield f"{where}: values {sample.values}"
            if not sample.locations:
                yield f"{where}: no locations"
            key = (tuple(sample.location_ids), tuple(sample.label_list))
            if key in seen:
                yield f"{where}: stands there twice"
            seen.add(key)
            if any(not label for label, _, _ in sample.label_list):
                yield f"{where}: a label without a key"


def read(path):
    with open(path, "rb") as file:
        return Profile(file.read())
