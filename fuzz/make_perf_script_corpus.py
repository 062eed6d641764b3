#!/usr/bin/env python3
"""Seeds for fuzz_perf_script.c.

usage: make_perf_script_corpus.py FOLDER
"""

import sys

import format_corpus

if __name__ == "__main__":
    sys.exit(format_corpus.write(format_corpus.perf_script()))
