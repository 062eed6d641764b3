/*
 * Tests of src/symbolize/mini_debug_lzma.c, and of stripped files without it: this program, stripped, with and without
 * symbols that are compressed inside.
 */
#include "symbolize/elf_symbols.h"
#include "symbolize/mini_debug.h"

#include <errno.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "test_folder.h"

/* One that .dynsym has (the program is linked with its symbols exported), before one that it has not. */
__asm__(".pushsection .text.sp_test,\"ax\",%progbits\n"
        ".globl sp_test_exported\n.type sp_test_exported,%function\n"
        "sp_test_exported:\n.skip 16\n.size sp_test_exported, 16\n"
        ".globl sp_test_place\n.hidden sp_test_place\nsp_test_place:\n"
        ".type sp_test_hidden,%function\n"
        "sp_test_hidden:\n.skip 16\n.size sp_test_hidden, 16\n"
        ".popsection\n");
extern const char sp_test_exported[], sp_test_place[];

static void open_file(struct sp_elf_image *image, const char *name)
{
    char path[64];
    snprintf(path, sizeof(path), "%s/%s", test_folder, name);
    assert_int_equal(sp_elf_image_open_file(image, path), 0);
}

static int find_base(struct dl_phdr_info *info, size_t size, void *base)
{
    (void)size;
    *(uint64_t *)base = info->dlpi_addr;
    return 1; /* the program is the first */
}

/* The name that a file has for an address of this program; "" for none. */
static void name_in(const char *file, const char *address, char out[128])
{
    uint64_t base = 0;
    struct sp_elf_image image;
    struct sp_elf_symbols symbols;
    dl_iterate_phdr(find_base, &base);
    open_file(&image, file);
    out[0] = '\0';
    if (sp_elf_symbols_init(&symbols, &image) == 0) {
        const char *name = sp_elf_symbols_find(&symbols, (uint64_t)(uintptr_t)address - base);
        snprintf(out, 128, "%s", name ? name : "");
        sp_elf_symbols_done(&symbols);
    }
    sp_elf_image_close(&image);
}

static void assert_hidden(const char *file, const char *expected)
{
    char name[128];
    name_in(file, sp_test_place, name);
    assert_string_equal(name, expected);
    name_in(file, sp_test_place + 15, name);
    assert_string_equal(name, expected);
}

static void test_mini_debug_names_what_was_stripped(void **state)
{
    (void)state;
    if (!sp_mini_debug_is_read)
        skip();
    char name[128];
    assert_hidden("full", "sp_test_hidden");
    assert_hidden("stripped", ""); /* not the exported one's, which ends before it */
    assert_hidden("mini", "sp_test_hidden");
    name_in("mini", sp_test_exported, name); /* only .dynsym has it: both are used */
    assert_string_equal(name, "sp_test_exported");
    name_in("stripped", sp_test_exported + 15, name);
    assert_string_equal(name, "sp_test_exported");
}

static void test_mini_debug_damaged_is_left_out(void **state)
{
    (void)state;
    if (!sp_mini_debug_is_read)
        skip();
    static const char *const damage[] = {"head -c 100 debug.xz >bad.xz",
                                         "head -c 0 debug.xz >bad.xz",
                                         "head -c 5000 /dev/zero >bad.xz",
                                         "echo hello | xz >bad.xz",
                                         "(head -c 200 debug.xz; head -c 99 /dev/zero; tail -c 99 debug.xz) >bad.xz",
                                         "xz -9e <debug >bad.xz",
                                         "xz --format=lzma <debug >bad.xz"};
    for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
        assert_true(run_in_test_folder(damage[i]));
        assert_true(run_in_test_folder("objcopy --add-section .gnu_debugdata=bad.xz stripped bad"));
        assert_hidden("bad", "");
    }
}

static void test_mini_debug_that_grows_without_end_is_refused(void **state)
{
    (void)state;
    if (!sp_mini_debug_is_read)
        skip();
    struct sp_elf_image image, *mini;
    assert_true(run_in_test_folder("(cat debug; head -c 300000000 /dev/zero) | xz -1 >bad.xz"));
    assert_true(run_in_test_folder("objcopy --add-section .gnu_debugdata=bad.xz stripped bad"));
    open_file(&image, "bad");
    assert_int_equal(sp_mini_debug_open(&image, &mini), -EBADMSG);
    sp_elf_image_close(&image);
    open_file(&image, "stripped");
    assert_int_equal(sp_mini_debug_open(&image, &mini), -ENOENT);
    sp_elf_image_close(&image);
}

static int set_up(void **state)
{
    char command[256];
    if (make_test_folder(state) != 0)
        return -1;
    snprintf(command, sizeof(command), "cp /proc/%d/exe full && chmod u+w full", (int)getpid());
    if (!run_in_test_folder(command))
        return -1;
    return run_in_test_folder(
               "objcopy --only-keep-debug full debug.0 && objcopy -S --keep-symbol=sp_test_hidden debug.0 debug && "
               "xz -k debug && objcopy -S full stripped && "
               "objcopy --add-section .gnu_debugdata=debug.xz stripped mini")
               ? 0
               : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mini_debug_names_what_was_stripped),
        cmocka_unit_test(test_mini_debug_damaged_is_left_out),
        cmocka_unit_test(test_mini_debug_that_grows_without_end_is_refused),
    };
    if (system("objcopy --version >/dev/null 2>&1 && xz --version >/dev/null 2>&1") != 0) {
        printf("needs objcopy and xz\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, set_up, remove_test_folder);
}
