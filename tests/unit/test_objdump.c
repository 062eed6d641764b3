/* Running objdump and reading what it prints. What it prints of this program has to be there; the rest are texts. */
#include "check.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "report/code_file.h"
#include "report/objdump.h"
#include "test_folder.h"

__attribute__((noinline, used)) static int one_of_ours(int n)
{
    return n * 7 + 1;
}

static void assert_instruction(const struct sp_instruction *at, uint64_t address, const char *text,
                               const char *function, const char *file, int64_t line)
{
    assert_int_equal(at->address, address);
    assert_string_equal(at->text, text);
    assert_string_equal(at->function, function);
    assert_string_equal(at->file, file);
    assert_int_equal(at->line, line);
}

static void test_gnus_output(void **state)
{
    (void)state;
    struct sp_disassembly got;
    char *output = strdup("\n/bin/a:     file format elf64-x86-64\n\n\nDisassembly of section .text:\n\n"
                          "0000000000001139 <main>:\nmain():\n/home/me/a: b.c:5\n    1139:\tpush   %rbp\n"
                          "    113a:\tcall   1030 <puts@plt>\ninner():\n/home/me/a.c:12 (discriminator 3)\n"
                          "    113f:\tmov    $0x1,%eax\t# 2004 <x>\n\t...\n\n0000000000001150 <other(int)>:\n"
                          "    1150:\tret    \r\n");
    assert_int_equal(sp_disassembly_parse(&got, output), 0);
    assert_int_equal(got.n, 4);
    assert_instruction(&got.at[0], 0x1139, "push   %rbp", "main", "/home/me/a: b.c", 5);
    assert_instruction(&got.at[1], 0x113a, "call   1030 <puts@plt>", "main", "/home/me/a: b.c", 5);
    assert_instruction(&got.at[2], 0x113f, "mov    $0x1,%eax\t# 2004 <x>", "inner", "/home/me/a.c", 12);
    assert_instruction(&got.at[3], 0x1150, "ret", "other(int)", "", 0);
    sp_disassembly_done(&got);
}

static void test_llvms_output(void **state)
{
    (void)state;
    struct sp_disassembly got;
    char *output =
        strdup("\na:\tfile format elf64-x86-64\n\nDisassembly of section .text:\n\n0000000000001139 <main>:\n"
               "; main():\n; /home/me/a.c:5\n    1139:      \tpushq\t%rbp");
    assert_int_equal(sp_disassembly_parse(&got, output), 0);
    assert_int_equal(got.n, 1);
    assert_instruction(&got.at[0], 0x1139, "pushq\t%rbp", "main", "/home/me/a.c", 5);
    sp_disassembly_done(&got);
}

static void test_nonsense_is_read_without_harm(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "\n",
                                        ":",
                                        "a:",
                                        " 12:",
                                        " 12: ",
                                        "12:\tx",
                                        "fffffffffffffffffffff: nop",
                                        "():",
                                        ";",
                                        "<>:",
                                        "0 <>:",
                                        "0 <:",
                                        ":5",
                                        "x:99999999999999999999999",
                                        "\t",
                                        "0: \r"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct sp_disassembly got;
        assert_int_equal(sp_disassembly_parse(&got, strdup(texts[i])), 0);
        assert_true(got.n <= 1);
        sp_disassembly_done(&got);
    }
}

static void test_own_function(void **state)
{
    (void)state;
    struct sp_code_file file;
    struct sp_disassembly got;
    char why[256], path[PATH_MAX] = "";
    assert_true(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0);
    assert_int_equal(sp_code_file_open(&file, path, ""), 0);
    const struct sp_code_symbol *symbol = file.symbols;
    while (strcmp(symbol->name, "one_of_ours") != 0)
        symbol++;
    struct sp_disassembly_options options = {.path = path, .start = symbol->start, .end = symbol->end};
    for (int intel = 0; intel < 2; intel++) {
        options.is_intel_syntax = intel == 1;
        int error = sp_disassemble(&got, &options, why, sizeof(why));
        if (error == -ENOENT) {
            sp_code_file_close(&file);
            skip();
        }
        if (error)
            print_message("%s\n", why);
        assert_int_equal(error, 0);
        assert_true(got.n > 1 && got.at[0].address == symbol->start && got.at[got.n - 1].address < symbol->end);
        assert_string_equal(got.at[0].function, "one_of_ours");
        sp_disassembly_done(&got);
    }
    sp_code_file_close(&file);
}

/* In a folder with programs of our own as objdump, and odd names of files. */
static void test_what_goes_wrong_is_said(void **state)
{
    (void)state;
    struct sp_disassembly got;
    char why[256], *before = strdup(getenv("PATH")), here[PATH_MAX], set[2 * PATH_MAX];
    struct sp_disassembly_options options = {.path = "-x @y", .start = 1, .end = 2};
    assert_non_null(getcwd(here, sizeof(here)));
    assert_int_equal(chdir(test_folder), 0);
    assert_true(
        run_in_test_folder("mkdir none bad && printf '#!/bin/sh\\necho \"cannot\t$7\" >&2\\nexit 3\\n' > bad/objdump &&"
                           "mkdir killed && printf '#!/bin/sh\\nkill -9 $$\\n' > killed/objdump &&"
                           "mkdir loud && printf '#!/bin/sh\\nyes >&2 & yes | head -c 200000000\\n' > loud/objdump &&"
                           "chmod +x */objdump"));
    snprintf(set, sizeof(set), "%s/none", test_folder);
    setenv("PATH", set, 1);
    assert_int_equal(sp_disassemble(&got, &options, why, sizeof(why)), -ENOENT);
    assert_non_null(strstr(why, "binutils"));
    snprintf(set, sizeof(set), "%s/bad", test_folder);
    setenv("PATH", set, 1);
    assert_int_equal(sp_disassemble(&got, &options, why, sizeof(why)), -EIO);
    assert_string_equal(why, "objdump fails: cannot?./-x @y");
    snprintf(set, sizeof(set), "%s/killed", test_folder);
    setenv("PATH", set, 1);
    assert_int_equal(sp_disassemble(&got, &options, why, sizeof(why)), -EIO);
    assert_non_null(strstr(why, "signal 9"));
    snprintf(set, sizeof(set), "%s/loud:%s", test_folder, before);
    setenv("PATH", set, 1);
    assert_int_equal(sp_disassemble(&got, &options, why, sizeof(why)), -EFBIG);
    setenv("PATH", before, 1);
    free(before);
    assert_int_equal(chdir(here), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gnus_output),
        cmocka_unit_test(test_llvms_output),
        cmocka_unit_test(test_nonsense_is_read_without_harm),
        cmocka_unit_test(test_own_function),
        cmocka_unit_test(test_what_goes_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
