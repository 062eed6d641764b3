/* Tests of src/symbolize/dwarf_file.c: compressed sections, and what they may become. */
#include "symbolize/dwarf_file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* Opens a copy of this program whose debug data are so many MiB of zeros, compressed: a thousandth of it. */
static int open_zeros(unsigned mib)
{
    char directory[] = "/tmp/sp_test_zeros_XXXXXX", path[64], command[512];
    struct sp_elf_image image;
    struct sp_dwarf_file file;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/program", directory);
    snprintf(command, sizeof(command),
             "{ cd %s && truncate -s %uM zeros && objcopy -g /proc/%d/exe bare && objcopy --add-section "
             ".debug_info=zeros bare plain && objcopy --compress-debug-sections=zlib plain program; } >/dev/null 2>&1",
             directory, mib, (int)getpid());
    int error = system(command) == 0 ? sp_elf_image_open_sections(&image, -1, path) : -ENOTSUP;
    if (error == 0) {
        error = sp_dwarf_file_open(&file, &image, false);
        if (error == 0)
            sp_dwarf_file_close(&file);
        sp_elf_image_close(&image);
    }
    snprintf(command, sizeof(command), "rm -r %s", directory);
    assert_int_equal(system(command), 0);
    return error;
}

static void test_what_grows_too_much_is_not_decompressed(void **state)
{
    (void)state;
    const int error = open_zeros(16);
    if (error == -ENOTSUP) {
        print_message("no objcopy that does it\n");
        skip();
    }
    assert_int_equal(error, 0);
    assert_int_equal(open_zeros(64), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_grows_too_much_is_not_decompressed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
