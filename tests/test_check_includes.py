#!/usr/bin/env python3
"""Shows that check_includes.py can fail: a small tree that keeps the rules, then one breach at a time."""

import os
import subprocess
import sys
import tempfile
import unittest

CHECK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "check_includes.py")

GOOD = {
    "include/sigprof/sigprof.h": "#include <stdint.h>\n",
    "src/handler/segment.h": "#include <stdatomic.h>\n#include <linux/perf_event.h>\n",
    "src/handler/shard.h": '#include "handler/segment.h"\n',
    "src/handler/arch/arch.h": "#include <ucontext.h>\n",
    "src/handler/entry.c": '#include "handler/shard.h"\n#include "arch/arch.h"\n',
    "src/util/arena.h": "#include <stdlib.h>\n",
    "src/profile/profile.h": '#include "util/arena.h"\n',
    "src/session/session.h": '#include "handler/shard.h"\n',
    "src/collector/drain.h": '#include "handler/segment.h"\n#include "profile/profile.h"\n',
    "src/formats/formats.h": '#include "profile/profile.h"\n',
    "src/report/top.h": '#include "profile/profile.h"\n',
    "src/symbolize/symbolize.h": '#include "profile/profile.h"\n',
    "src/library/library.c": '#include <sigprof/sigprof.h>\n#include "collector/drain.h"\n#include "session/session.h"\n',
    "preload/preload.c": '#include "session/session.h"\n#include "handler/shard.h"\n',
    "cli/command.h": "#include <stdio.h>\n",
    "cli/record.c": '#include "command.h"\n#include "report/top.h"\n#include "collector/drain.h"\n',
    "examples/embed.c": "#include <sigprof/sigprof.h>\n",
    "tests/unit/test_entry.c": '#include "handler/shard.h"\n#include "no_such_file.h"\n',
}


class CheckIncludes(unittest.TestCase):
    def verdict(self, changes):
        with tempfile.TemporaryDirectory() as root:
            for path, text in {**GOOD, **changes}.items():
                path = os.path.join(root, path)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
            return subprocess.run([sys.executable, CHECK, root], capture_output=True, text=True, check=False)

    def refuse(self, path, text, *words):
        result = self.verdict({path: text})
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertEqual(len(result.stdout.splitlines()), 1, result.stdout)
        for word in (path, *words):
            self.assertIn(word, result.stdout)

    def test_good_tree_passes(self):
        result = self.verdict({})
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn(f"{len(GOOD)} files", result.stdout)

    def test_breach_of_each_rule_is_refused(self):
        for path, header in [
                ("src/handler/bad.c", "util/arena.h"), ("src/handler/bad.c", "session/session.h"),
                ("src/handler/arch/bad.h", "profile/profile.h"), ("src/session/bad.c", "collector/drain.h"),
                ("src/session/bad.c", "profile/profile.h"), ("src/collector/bad.c", "formats/formats.h"),
                ("src/collector/bad.c", "symbolize/symbolize.h"), ("src/collector/bad.c", "session/session.h"),
                ("src/formats/bad.c", "report/top.h"), ("src/formats/bad.c", "symbolize/symbolize.h"),
                ("src/report/bad.c", "formats/formats.h"), ("src/symbolize/bad.c", "report/top.h"),
                ("src/profile/bad.c", "formats/formats.h"), ("src/util/bad.c", "profile/profile.h"),
                ("src/library/bad.c", "report/top.h"), ("src/library/bad.c", "command.h"),
                ("preload/bad.c", "util/arena.h"), ("preload/bad.c", "collector/drain.h"),
                ("cli/bad.c", "handler/segment.h"), ("include/sigprof/bad.h", "profile/profile.h"),
                ("examples/bad.c", "profile/profile.h"), ("src/report/bad.c", "../formats/formats.h")]:
            with self.subTest(path=path, header=header):
                self.refuse(path, f'#include "{header}"\n', ":1: ", "may not include")

    def test_collector_sees_only_the_data_layout_of_the_handler(self):
        self.refuse("src/collector/bad.c", '#include "handler/shard.h"\n', "may include only")

    def test_hosted_header_in_the_handler_is_refused(self):
        for header in ("stdlib.h", "stdio.h", "string.h", "errno.h", "pthread.h", "unistd.h", "linux/../stdlib.h"):
            with self.subTest(header=header):
                self.refuse("src/handler/bad.h", f"\n#  include <{header}>\n", ":2: ", "freestanding")

    def test_header_that_is_not_there_is_refused(self):
        self.refuse("src/profile/bad.c", '#include "profile/nowhere.h"\n', "is not in the tree")

    def test_same_name_twice_is_refused(self):
        self.refuse("src/session/entry.c", "", "src/handler/entry.c has the same name")

    def test_name_that_is_not_snake_case_is_refused(self):
        for name in ("badName.c", "bad-name.h", "Bad.py", "bad__name.c", "_bad.c"):
            with self.subTest(name=name):
                self.refuse(f"tests/unit/{name}", "", "not snake_case")

    def test_including_a_source_file_is_refused(self):
        self.refuse("src/session/bad.c", '#include "handler/entry.c"\n', "not a header")
        self.refuse("src/handler/bad.c", '#include "entry.c"\n', "not a header")

    def test_folder_without_a_rule_is_refused(self):
        self.refuse("src/extra/bad.c", "", "no rule")

    def test_empty_tree_is_refused(self):
        with tempfile.TemporaryDirectory() as root:
            result = subprocess.run([sys.executable, CHECK, root], capture_output=True, text=True, check=False)
            self.assertEqual(result.returncode, 1)


if __name__ == "__main__":
    unittest.main()
