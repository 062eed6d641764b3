#!/usr/bin/env python3
"""Seeds for fuzz_view.c: every profile of the readers' seeds, in turn with each option, granularity and report's choice.

usage: make_view_corpus.py FOLDER
"""

import sys

import format_corpus

TEXTS = [b"main", b"f|g", b"thread", b"^f$", b"(?i)F\\(", b"thread=f", b"1:10", b":", b"5kb:", b"bytes", b"thread,bytes",
         b"", b"."]
OPTIONS = 12


def inputs():
    for i, profile in enumerate(format_corpus.any_format()):
        how = bytes([1 << i % OPTIONS & 0xff, 1 << i % OPTIONS >> 8 | (i % 5 == 0) << 4, i % 5 | i % 4 << 6, i * 7 & 0xff,
                     i * 31 & 0xff, i, i, i])
        yield how + TEXTS[i % len(TEXTS)] + b"\n" + profile
    for i, profile in enumerate(format_corpus.proto()):
        for option in range(OPTIONS):
            how = bytes([1 << option & 0xff, 1 << option >> 8, option % 5, option & 1, 0, 0, i, option])
            yield how + TEXTS[option] + b"\n" + profile


if __name__ == "__main__":
    sys.exit(format_corpus.write(inputs()))
