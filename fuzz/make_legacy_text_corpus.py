#!/usr/bin/env python3
"""Seeds for fuzz_legacy_text.c.

usage: make_legacy_text_corpus.py FOLDER
"""

import sys

import format_corpus

if __name__ == "__main__":
    sys.exit(format_corpus.write(format_corpus.legacy_text()))
