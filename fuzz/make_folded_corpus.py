#!/usr/bin/env python3
"""Seeds for fuzz_folded.c.

usage: make_folded_corpus.py FOLDER
"""

import sys

import format_corpus

if __name__ == "__main__":
    sys.exit(format_corpus.write(format_corpus.folded()))
