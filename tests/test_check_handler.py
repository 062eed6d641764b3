#!/usr/bin/env python3
"""Shows that check_handler.py can fail: one bad handler for each thing it looks for, with each compiler there is."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

CHECK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "check_handler.py")
FLAGS = ["-O2", "-fPIC", "-fno-omit-frame-pointer", "-fstack-usage", "-fno-jump-tables", "-fno-stack-protector",
         "-fno-builtin", "-ffunction-sections"]
KEEP = "#define KEEP __attribute__((noinline))\n"
ROOT = "int sp_root(int x)"

GOOD = """
extern int outside(int);
extern int other_object(int *);
KEEP static int leaf(int *at) { at[1] += at[0]; return at[1]; }
KEEP static int middle(int x) { int b[16] = {0}; b[0] = x; return leaf(b) + other_object(b) + outside(b[3]); }
int sp_root(int x) { int sum = 0; for (int i = 0; i < x; i++) sum += middle(i) * 3; return sum; }
"""
OTHER = "int other_object(int *at) { return at[2] * 3; }\n"


def tools():
    """(name, compiler command, nm, objdump) of each compiler on this machine."""
    found = []
    for compiler in ("gcc", "clang"):
        if shutil.which(compiler):
            found.append((compiler, [compiler], "nm", "objdump"))
    cross = "aarch64-linux-gnu-"
    if shutil.which(cross + "gcc") and shutil.which(cross + "objdump"):
        found.append(("aarch64-gcc", [cross + "gcc"], cross + "nm", cross + "objdump"))
        if shutil.which("clang"):
            found.append(("aarch64-clang", ["clang", "--target=aarch64-linux-gnu"], cross + "nm", cross + "objdump"))
    return found


class CheckHandler(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def compile(self, tool, name, source, flags=()):
        path = os.path.join(self.directory.name, name + ".c")
        with open(path, "w", encoding="utf-8") as file:
            file.write(KEEP + source)
        result = subprocess.run([*tool[1], *FLAGS, *flags, "-c", path, "-o", path + ".o"],
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        return path + ".o"

    def check(self, tool, objects, allow="", budget=1536, roots="sp_root"):
        allow_path = os.path.join(self.directory.name, "allowed.txt")
        with open(allow_path, "w", encoding="utf-8") as file:
            file.write("symbol outside stack=64 a foreign function\n"
                       "symbol _GLOBAL_OFFSET_TABLE_ the linker's\n" + allow)
        self.stamp = os.path.join(self.directory.name, "stamp")
        return subprocess.run([sys.executable, CHECK, "--nm", tool[2], "--objdump", tool[3], "--allow", allow_path,
                               "--roots", roots, "--budget", str(budget), "--stamp", self.stamp, *objects],
                              capture_output=True, text=True, check=False)

    def expect(self, source, words, allow="", budget=1536, flags=(), only=None, code=1):
        """`source` must fail with every one of `words` in the message; words == [] means that it must pass."""
        for tool in tools():
            if only and not only(tool[0]):
                continue
            with self.subTest(compiler=tool[0]):
                result = self.check(tool, [self.compile(tool, "sample", source, flags)], allow, budget)
                if not words:
                    self.assertEqual(result.returncode, 0, result.stderr)
                    continue
                self.assertEqual(result.returncode, code, result.stdout + result.stderr)
                self.assertFalse(os.path.exists(self.stamp), "a failed check left its stamp")
                for word in words:
                    self.assertIn(word, result.stderr)

    def test_good_passes_and_names_the_deepest_path(self):
        for tool in tools():
            with self.subTest(compiler=tool[0]):
                objects = [self.compile(tool, "sample", GOOD), self.compile(tool, "other", OTHER)]
                result = self.check(tool, objects)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(result.stdout.count("\n"), 1)
                self.assertIn("sp_root > middle > outside", result.stdout)
                with open(self.stamp, encoding="utf-8") as file:
                    self.assertIn("sp_root", file.read())

    def test_symbol_of_a_missing_object_fails(self):
        self.expect(GOOD, ["symbols: other_object is needed by sample.c.o"])

    def test_malloc_fails(self):
        self.expect("void *malloc(unsigned long); int sp_root(int x) { return malloc((unsigned long)x) != 0; }",
                    ["symbols: malloc is needed"])

    def test_memcpy_put_in_by_the_compiler_fails(self):
        self.expect("struct big { char b[900000]; }; void sp_root(struct big *a, struct big *b) { *a = *b; }",
                    ["symbols: memcpy is needed"])

    def test_direct_recursion_fails(self):
        self.expect("extern int outside(int); " + ROOT + " { return x < 2 ? x : outside(sp_root(x - 1)) + sp_root(x - 2); }",
                    ["recursion: sp_root"])

    def test_recursion_of_statics_in_a_circle_fails(self):
        self.expect("extern int outside(int); static int odd(int);"
                    "KEEP static int even(int x) { return x ? outside(odd(x - 1)) + 1 : 1; }"
                    "KEEP static int odd(int x) { return x ? outside(even(x - 1)) + 2 : 0; }"
                    + ROOT + " { return even(x) + 1; }", ["recursion: ", "odd", "even"])

    def test_recursion_through_two_objects_fails(self):
        for tool in tools():
            with self.subTest(compiler=tool[0]):
                objects = [self.compile(tool, "one", "int two(int); int sp_root(int x) { return two(x) + 1; }"),
                           self.compile(tool, "two", "int sp_root(int); int two(int x) { return sp_root(x) + 1; }")]
                result = self.check(tool, objects)
                self.assertEqual(result.returncode, 1, result.stdout)
                self.assertIn("recursion: ", result.stderr)

    def test_same_static_name_in_two_objects_is_no_recursion(self):
        for tool in tools():
            with self.subTest(compiler=tool[0]):
                one = "int two(int); KEEP static int help(int x) { return two(x) + 1; } int sp_root(int x) { return help(x) + 1; }"
                two = "extern int outside(int); KEEP static int help(int x) { return outside(x) + 1; } int two(int x) { return help(x) + 2; }"
                result = self.check(tool, [self.compile(tool, "one", one), self.compile(tool, "two", two)])
                self.assertEqual(result.returncode, 0, result.stderr)

    def test_indirect_call_fails_unless_listed(self):
        source = "int sp_root(int (*f)(int)) { return f(1) + 1; }"
        self.expect(source, ["indirect: sp_root"])
        self.expect(source, [], allow="indirect sp_root the user's traceback\n")

    def test_indirect_tail_call_fails(self):
        self.expect("int sp_root(int (*f)(int)) { return f(1); }", ["indirect: sp_root"])

    def test_jump_table_fails(self):
        cases = "".join(f"case {i}: return outside({i * i}) + {i};" for i in range(20))
        self.expect("extern int outside(int); int sp_root(int x) { switch (x) {" + cases + "} return 0; }",
                    ["indirect: sp_root"], flags=["-fjump-tables"])

    def test_call_through_the_offset_table_is_direct(self):
        self.expect("extern int outside(int); int sp_root(int x) { return outside(x) + 1; }", [], flags=["-fno-plt"],
                    only=lambda name: name in ("gcc", "clang"))

    def test_large_frame_fails(self):
        self.expect("extern int outside(int); int sp_root(int x) { volatile char b[2000]; b[x] = 1; return outside(b[3]) + 1; }",
                    ["stack: ", "the budget is 1536", "sp_root"])

    def test_sum_along_the_path_fails(self):
        link = "KEEP static int f%d(int x) { volatile char b[300]; b[x] = 1; return f%d(b[x + 1]) + b[2]; }"
        chain = "extern int outside(int); KEEP static int f0(int x) { return outside(x) + 1; }"
        chain += "".join(link % (i, i - 1) for i in range(1, 6))
        self.expect(chain + ROOT + " { return f5(x) + 1; }", ["stack: ", "f1", "f5"])
        self.expect(chain + ROOT + " { return f5(x) + 1; }", [], budget=2500)

    def test_foreign_function_counts_as_listed(self):
        source = "extern int deep(int); int sp_root(int x) { return deep(x) + 1; }"
        self.expect(source, ["stack: "], allow="symbol deep stack=1530 takes much\n")
        self.expect(source, [], allow="symbol deep stack=1000 takes less\n")

    def test_red_zone_counts(self):
        self.expect("int sp_root(int x) { volatile char b[100]; b[x] = 1; return b[2]; }", ["stack: "], budget=100)

    def test_tail_call_starts_where_its_caller_started(self):
        part = "KEEP int f%d(int x) { volatile char b[800]; b[x] = 1; int y = outside(b[3]); %s }"
        source = "extern int outside(int);" + part % (1, "return y;") + part % (2, "return f1(y);")
        self.expect(source + ROOT + " { return f2(x); }", [], budget=1100,
                    only=lambda name: name in ("gcc", "aarch64-gcc"))

    def test_alloca_fails(self):
        self.expect("extern int outside(int); int sp_root(int x) { volatile char *b = __builtin_alloca((unsigned long)x);"
                    "b[0] = 1; return outside(b[1]) + 1; }", ["dynamic: sp_root"])

    def test_variable_length_array_fails(self):
        self.expect("extern int outside(int); int sp_root(int x) { volatile char b[x]; b[0] = 1; return outside(b[1]) + 1; }",
                    ["dynamic: sp_root"])

    def test_thread_local_variable_fails(self):
        self.expect("static __thread int t; int sp_root(int x) { t += x; return t; }", ["tls: t ", "tls: sp_root"])

    def test_foreign_thread_local_variable_fails(self):
        self.expect("extern __thread int t; int sp_root(int x) { return t + x; }", ["tls: sp_root"])

    def test_errno_fails(self):
        self.expect("#include <errno.h>\nint sp_root(int x) { errno = x; return x; }", ["symbols: __errno_location"])

    def test_stack_protector_fails(self):
        self.expect("extern int outside(int); int sp_root(int x) { volatile char b[64]; b[x] = 1; return outside(b[1]) + 1; }",
                    ["tls: sp_root"], flags=["-fstack-protector-all"], only=lambda name: name in ("gcc", "clang"))

    def test_thread_pointer_in_assembly_fails(self):
        self.expect('long sp_root(void) { long x; __asm__ volatile("mov %%fs:0, %0" : "=r"(x)); return x; }',
                    ["tls: sp_root"], only=lambda name: name in ("gcc", "clang"))
        self.expect('long sp_root(void) { long x; __asm__ volatile("mrs %0, tpidr_el0" : "=r"(x)); return x; }',
                    ["tls: sp_root"], only=lambda name: name.startswith("aarch64"))

    def test_missing_root_fails(self):
        self.expect("int another(int x) { return x; }", ["there is no root sp_root"])

    def test_cold_part_belongs_to_its_function(self):
        source = ("extern int outside(int); __attribute__((cold)) extern int outside_cold(int);"
                  "int sp_root(int x) { if (x > 3) { outside_cold(x); outside_cold(x + 1); x = outside_cold(x + 2); }"
                  "return outside(x) + 1; }")
        self.expect(source, [], allow="symbol outside_cold stack=64 a foreign function\n")

    def test_assembly_needs_a_frame_line(self):
        source = '__asm__(".text\\n.globl by_hand\\n.type by_hand,%function\\nby_hand: ret\\n.size by_hand,.-by_hand\\n");' \
                 "extern int by_hand(int); int sp_root(int x) { return by_hand(x) + 1; }"
        self.expect(source, ["stack: by_hand has no .su entry"])
        self.expect(source, [], allow="frame by_hand 16 two instructions, pushes nothing\n")

    def test_function_without_unwind_table_fails(self):
        self.expect("int sp_root(int x) { return x; }", ["tables: sp_root in sample.c.o"],
                    flags=["-fno-asynchronous-unwind-tables", "-fno-unwind-tables"])

    def test_missing_su_file_is_said(self):
        for tool in tools():
            with self.subTest(compiler=tool[0]):
                item = self.compile(tool, "sample", "int sp_root(int x) { return x; }")
                os.remove(item[:-1] + "su")
                result = self.check(tool, [item])
                self.assertEqual(result.returncode, 2)
                self.assertIn("-fstack-usage", result.stderr)

    def test_link_time_optimisation_is_said(self):
        self.expect("int sp_root(int x) { return x; }", ["link-time"], flags=["-flto"], code=2,
                    only=lambda name: name in ("gcc", "aarch64-gcc"))

    def test_allow_entry_without_a_reason_is_refused(self):
        self.expect("int sp_root(int x) { return x; }", ["has no reason"], allow="symbol lonely\n", code=2)
        self.expect("int sp_root(int x) { return x; }", ["expected"], allow="whatever\n", code=2)


if __name__ == "__main__":
    if not tools():
        print("no compiler to make samples with")
        sys.exit(77)
    unittest.main()
