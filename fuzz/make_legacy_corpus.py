#!/usr/bin/env python3
"""Seeds for fuzz_legacy.c.

usage: make_legacy_corpus.py FOLDER
"""

import sys

import format_corpus

if __name__ == "__main__":
    sys.exit(format_corpus.write(format_corpus.legacy()))
