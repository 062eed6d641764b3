#!/usr/bin/env python3
"""Seeds for fuzz_profile.c.

usage: make_profile_corpus.py FOLDER
"""

import sys

import format_corpus

if __name__ == "__main__":
    sys.exit(format_corpus.write(format_corpus.any_format()))
