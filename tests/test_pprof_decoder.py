#!/usr/bin/env python3
"""Shows that tests/lib/pprof.py reads what is right and refuses what is wrong, one breach of the rules at a time."""

import gzip
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import pprof  # noqa: E402


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def blob(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


def packed(field, values):
    return blob(field, b"".join(map(varint, values)))


STRINGS = ["", "samples", "count", "cpu", "nanoseconds", "/bin/program", "0a1b", "main", "hog", "main.c", "thread", "a note"]
# Every part of a small valid profile by name, so that a test can replace one.
GOOD = {
    "types": blob(1, number(1, 1) + number(2, 2)) + blob(1, number(1, 3) + number(2, 4)),
    "samples": blob(2, packed(1, [1, 2]) + packed(2, [3, 30]) + blob(3, number(1, 10) + number(3, 77)))
               + blob(2, number(1, 2) + number(2, 1) + number(2, 10)),
    "mappings": blob(3, number(1, 1) + number(2, 0x1000) + number(3, 0x2000) + number(4, 0x400) + number(5, 5)
                     + number(6, 6) + number(7, 1) + number(9, 1)),
    "locations": blob(4, number(1, 1) + number(2, 1) + number(3, 0x1234) + blob(4, number(1, 2) + number(2, 12))
                      + blob(4, number(1, 1) + number(2, 5)))
                 + blob(4, number(1, 2) + number(2, 1) + number(3, 0x1400) + blob(4, number(1, 1) + number(2, 9))),
    "functions": blob(5, number(1, 1) + number(2, 7) + number(3, 7) + number(4, 9) + number(5, 3))
                 + blob(5, number(1, 2) + number(2, 8) + number(3, 8)),
    "strings": b"".join(blob(6, text.encode()) for text in STRINGS),
    "time": number(9, 1_700_000_000 * 10**9),
    "duration": number(10, 5 * 10**9),
    "period": blob(11, number(1, 3) + number(2, 4)) + number(12, 10_000_000),
    "comments": number(13, 11),
}


def decode(**changes):
    return pprof.Profile(gzip.compress(b"".join({**GOOD, **changes}.values())))


class Decoder(unittest.TestCase):
    def refuse(self, words, **changes):
        with self.assertRaises(pprof.Invalid) as caught:
            decode(**changes).check()
        self.assertIn(words, str(caught.exception))

    def test_good_profile_is_read_in_full(self):
        profile = decode().check("/program")
        self.assertEqual(profile.sample_types, [("samples", "count"), ("cpu", "nanoseconds")])
        self.assertEqual(profile.samples[0].function_names(), ["hog", "main", "main"])
        self.assertEqual(profile.samples[0].labels, {"thread": 77})
        self.assertEqual(profile.samples[0].stack()[0],
                         (0x1234, profile.mappings[0], [("hog", 12), ("main", 5)]))
        self.assertEqual(profile.samples[1].values, [1, 10])
        self.assertEqual((profile.total(), profile.total("samples")), (40, 4))
        self.assertEqual(profile.flat(), {"hog": 30, "main": 10})
        self.assertEqual(profile.cum(), {"hog": 30, "main": 40})
        self.assertEqual(profile.by_label("thread"), {77: 30, None: 10})
        mapping = profile.mappings[0]
        self.assertEqual((mapping.start, mapping.limit, mapping.offset), (0x1000, 0x2000, 0x400))
        self.assertEqual((mapping.file, mapping.build_id), ("/bin/program", "0a1b"))
        self.assertEqual(mapping.flags, {"functions", "line_numbers"})
        self.assertEqual((profile.comments, profile.period), (["a note"], 10_000_000))

    def test_negative_number_is_signed(self):
        self.assertEqual(decode(duration=number(10, -5)).duration_ns, -5)

    def test_damaged_bytes_are_refused(self):
        whole = b"".join(GOOD.values())
        for size in range(1, len(whole)):
            try:
                pprof.Profile(whole[:size])
            except pprof.Invalid:
                pass
        with self.assertRaises(pprof.Invalid):
            pprof.Profile(gzip.compress(whole)[:-9])
        self.refuse("wire type", extra=b"\x0b")
        self.refuse("varint", extra=b"\x48" + b"\xff" * 10 + b"\x01")
        self.refuse("ends behind", extra=b"\x32\x7fabc")

    def test_broken_head_is_refused(self):
        self.refuse("sample types", types=blob(1, number(1, 3) + number(2, 4)))
        self.refuse("period is 0", period=blob(11, number(1, 3) + number(2, 4)))
        self.refuse("period type", period=number(12, 5))
        self.refuse("time is 0", time=b"")
        self.refuse("duration is 0", duration=b"")
        with self.assertRaises(pprof.Invalid) as caught:
            pprof.Profile(b"".join(GOOD.values())).check()
        self.assertIn("not gzipped", str(caught.exception))

    def test_broken_strings_are_refused(self):
        self.refuse("twice", extra=blob(6, b"cpu"))
        self.refuse("not UTF-8", extra=blob(6, b"\xff\xfe"))
        self.refuse("string 0", strings=GOOD["strings"].replace(blob(6, b""), blob(6, b"x"), 1))
        self.refuse("string 99 of", comments=number(13, 99))

    def test_broken_references_are_refused(self):
        self.refuse("location 9 does not exist", extra=blob(2, packed(1, [9]) + packed(2, [1, 1])))
        self.refuse("function 9 does not exist", extra=blob(4, number(1, 3) + blob(4, number(1, 9))))
        self.refuse("mapping 9 does not exist", extra=blob(4, number(1, 3) + number(2, 9)))
        self.refuse("not unique", extra=blob(5, number(1, 2) + number(2, 7)))
        self.refuse("function ids are not 1, 2, 3", extra=blob(5, number(1, 7) + number(2, 7)))

    def test_broken_mappings_are_refused(self):
        head = number(1, 1) + number(2, 0x1000) + number(3, 0x2000)
        self.refuse("build id", mappings=blob(3, head + number(5, 5) + number(6, 9)))
        self.refuse("no file", mappings=blob(3, head))
        self.refuse("has_filenames", mappings=blob(3, head + number(5, 5) + number(8, 1)),
                    functions=blob(5, number(1, 1) + number(2, 7)) + blob(5, number(1, 2) + number(2, 8)))
        self.refuse("has_inline_frames", mappings=blob(3, head + number(5, 5) + number(10, 1)))
        self.refuse("0x2000 to 0x1000", mappings=blob(3, number(1, 1) + number(2, 0x2000) + number(3, 0x1000)))
        with self.assertRaises(pprof.Invalid):
            decode().check("/another")

    def test_broken_locations_are_refused(self):
        self.refuse("outside of its mapping", extra=blob(4, number(1, 3) + number(2, 1) + number(3, 0x2000)))
        self.refuse("twice", extra=blob(4, number(1, 3) + number(3, 7)) + blob(4, number(1, 4) + number(3, 7)))
        self.refuse("neither address nor line", extra=blob(4, number(1, 3) + number(2, 1)))

    def test_facts_and_accounts_are_read(self):
        account = number(1, 12) + number(2, 13) + number(3, 1) + number(5, 8) + number(6, 11) + number(7, 90)
        profile = decode(extra=blob(7001, number(1, 5) + number(3, -7)) + blob(7001, number(1, 7) + number(2, 8))
                         + blob(7002, account + number(8, 60) + number(9, 30))).check()
        self.assertEqual(profile.facts, {"/bin/program": (-7, ""), "main": (0, "hog")})
        got = profile.accounts[0]
        self.assertEqual((got.pid, got.tid, got.n_threads), (12, 13, 1))
        self.assertEqual((got.process, got.thread, got.reason), ("", "hog", "a note"))
        self.assertEqual((got.kernel_ns, got.recorded_ns, got.unsampled_ns), (90, 60, 30))

    def test_broken_facts_and_accounts_are_refused(self):
        self.refuse("string 99 of", extra=blob(7001, number(1, 99)))
        self.refuse("without a key", extra=blob(7001, number(3, 1)))
        self.refuse("negative time", extra=blob(7002, number(1, 1) + number(7, -1)))
        self.refuse("for 2 threads", extra=blob(7002, number(1, 1) + number(2, 5) + number(3, 2)))

    def test_broken_samples_are_refused(self):
        self.refuse("1 values for 2 types", extra=blob(2, packed(1, [1]) + packed(2, [1])))
        self.refuse("no locations", extra=blob(2, packed(2, [1, 1])))
        self.refuse("values [0, 0]", extra=blob(2, packed(1, [1]) + packed(2, [0, 0])))
        self.refuse("values [-1, 1]", extra=blob(2, packed(1, [1]) + packed(2, [-1, 1])))
        self.refuse("twice", extra=blob(2, packed(1, [2]) + packed(2, [1, 10])))
        self.refuse("without a key", extra=blob(2, packed(1, [1]) + packed(2, [1, 1]) + blob(3, number(3, 5))))


if __name__ == "__main__":
    unittest.main()
