#!/usr/bin/env python3
"""Runs the example program and looks at its profile with `sigprof top`: the hot functions are named, in their order.

usage: test_example.py EXAMPLE SIGPROF
"""

import os
import subprocess
import sys
import tempfile


def main():
    example, sigprof = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "work.pb.gz")
        ran = subprocess.run([example, path], capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 0, ran.stderr
        assert path in ran.stdout, ran.stdout
        assert os.listdir(folder) == ["work.pb.gz"], os.listdir(folder)
        top = subprocess.run([sigprof, "top", path], capture_output=True, text=True, timeout=60, check=False)
        print(top.stdout)
        assert top.returncode == 0, top.stderr
        lines = [line.split() for line in top.stdout.splitlines()]
        shares = {words[-1]: float(words[1].rstrip("%")) for words in lines if len(words) == 6 and "%" in words[1]}
        # The example does three times as much in one function as in the other: 75 % and 25 % of some 150 samples. The
        # standard deviation is 3.5 points, so these bounds are more than four of it away from both.
        assert shares.get("count_primes", 0) > 58, shares
        assert 8 < shares.get("sum_of_roots", 0) < 42, shares


if __name__ == "__main__":
    main()
