#!/usr/bin/env python3
"""Seeds for fuzz_regex.c: what RE2 has and PCRE2 has otherwise.

usage: make_regex_corpus.py FOLDER
"""

import sys

import format_corpus

PATTERNS = [
    rb"main|f\.g", rb"^(a|b)*?c+$", rb"(?i:Stra\x{df}e)[^a-z]", rb"a{2,5}b{3}c{0,}", rb"((a{10}){10}){10}", rb"(a*)*b",
    rb"(?P<name>x)(?:y)(?U)z+", rb"[[:alpha:]\d_-]+\pN\p{Greek}\P{^Lu}", rb"\Qa.b\E\C", rb"\bfoo\B", rb"(?s).(?m)^$\z\A",
    rb"[^\S\W]*", rb"\x41\101\a\f\t\n\r\v", b"[\xc3\xa4-\xc3\xbc]", rb"(?=a)", rb"(a)\1", rb"a**", rb"a{1001}", rb"(",
    rb"[z-a]", rb"(((((((((((((((((((((a)))))))))))))))))))))*", rb"(x+x+)+y", rb"(?i)\x{212a}k", rb"[]a]", rb"(|a)+",
]
TEXTS = [b"main.f.g(int)", b"xxxxxxxxxxxxxxxxxxxxxxxxxxxx", b"a\nb\xc3\xa4\xff\xed\xa0\x80", b""]


def inputs():
    for i, pattern in enumerate(PATTERNS):
        yield pattern + b"\0" + TEXTS[i % len(TEXTS)]


if __name__ == "__main__":
    sys.exit(format_corpus.write(inputs()))
