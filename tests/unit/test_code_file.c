/* Symbols of ELF files and where they were mapped: this program itself, and files made wrong. */
#include "check.h"

#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>

#include "report/code_file.h"
#include "test_folder.h"

__attribute__((noinline, used)) static int one_of_ours(int n)
{
    return n * 7 + 1;
}

/* The code's mapping of this program, as a profile would have it. */
struct mapped {
    uint64_t start, limit, offset;
};

static struct mapped find_mapped(void)
{
    struct mapped found = {0};
    char line[4096];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof(line), maps)) {
        unsigned long start, limit, offset;
        if (sscanf(line, "%lx-%lx r-xp %lx", &start, &limit, &offset) == 3 && start <= (uintptr_t)&one_of_ours &&
            (uintptr_t)&one_of_ours < limit)
            found = (struct mapped){start, limit, offset};
    }
    fclose(maps);
    return found;
}

static const struct sp_code_symbol *find(const struct sp_code_file *file, const char *name)
{
    for (size_t i = 0; i < file->n_symbols; i++)
        if (strcmp(file->symbols[i].name, name) == 0)
            return &file->symbols[i];
    return NULL;
}

static void test_own_symbol_is_where_it_is(void **state)
{
    (void)state;
    struct sp_code_file file;
    struct mapped mapped = find_mapped();
    uint64_t base = 0;
    assert_int_equal(sp_code_file_open(&file, "/proc/self/exe", ""), 0);
    const struct sp_code_symbol *symbol = find(&file, "one_of_ours");
    assert_non_null(symbol);
    assert_int_equal(sp_code_file_base(&file, mapped.start, mapped.limit, mapped.offset, &base), 0);
    assert_int_equal(symbol->start + base, (uintptr_t)&one_of_ours);
    assert_true(symbol->has_size && symbol->end > symbol->start);
    assert_int_equal(sp_code_file_base(&file, mapped.start, 0, mapped.offset, &base), 0);
    assert_int_equal(symbol->start + base, (uintptr_t)&one_of_ours);
    assert_int_equal(sp_code_file_base(&file, 0, 0, 0, &base), 0);
    assert_int_equal(base, 0);
    assert_int_equal(sp_code_file_base(&file, mapped.start, mapped.limit, UINT64_C(1) << 40, &base), -ENOENT);
    for (size_t i = 0; i < file.n_symbols; i++)
        assert_true(file.symbols[i].start < file.symbols[i].end);
    for (size_t i = 1; i < file.n_symbols; i++)
        assert_true(file.symbols[i - 1].start <= file.symbols[i].start);
    sp_code_file_close(&file);
}

static void test_another_build_is_refused(void **state)
{
    (void)state;
    struct sp_code_file file;
    assert_int_equal(sp_code_file_open(&file, "/proc/self/exe", "00112233445566778899"), -ESTALE);
    assert_int_equal(sp_code_file_open(&file, "/proc/self/exe", "../../../etc/passwd"), -ESTALE);
}

static void test_what_is_no_program_is_refused(void **state)
{
    (void)state;
    struct sp_code_file file;
    char path[128];
    assert_true(run_in_test_folder("mkfifo fifo; : > empty; echo text > text; printf '\\177ELF\\2\\1\\1' > short"));
    static const char *const names[] = {"fifo", "empty", "text", "short", "."};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", test_folder, names[i]);
        assert_int_equal(sp_code_file_open(&file, path, ""), -EBADMSG);
    }
    assert_int_equal(sp_code_file_open(&file, "/nowhere", ""), -ENOENT);
    assert_int_equal(sp_code_file_open(&file, "", ""), -ENOENT);
    assert_int_equal(sp_code_file_open(&file, "/dev/zero", ""), -EBADMSG);
}

/* Bytes of the headers and tables at random: no crash, no wrong order. */
static void test_damaged_files_do_no_harm(void **state)
{
    (void)state;
    char path[128];
    uint64_t random = 7;
    snprintf(path, sizeof(path), "%s/damaged", test_folder);
    assert_true(run_in_test_folder("printf 'int main(void){return 0;}' | cc -x c - -o good"));
    for (int round = 0; round < 200; round++) {
        assert_true(round % 20 != 0 || run_in_test_folder("cp good damaged"));
        FILE *out = fopen(path, "r+");
        assert_non_null(out);
        fseek(out, 0, SEEK_END);
        long size = ftell(out);
        uint64_t place = next_random(&random) % 3;
        fseek(out,
              place == 0 ? (long)(16 + next_random(&random) % 1000) : size - 1 - (long)(next_random(&random) % 4000),
              SEEK_SET);
        fputc((int)(next_random(&random) & 0xff), out);
        fclose(out);
        struct sp_code_file file;
        if (sp_code_file_open(&file, path, "") != 0)
            continue;
        uint64_t base;
        for (size_t i = 0; i < file.n_symbols; i++)
            assert_true(file.symbols[i].start < file.symbols[i].end && file.symbols[i].name[0] != '\0');
        sp_code_file_base(&file, next_random(&random), next_random(&random), next_random(&random), &base);
        sp_code_file_close(&file);
    }
}

/* Labels within a function are left out; those that stand alone reach to the next one. */
static void test_symbols_without_a_size_reach_to_the_next(void **state)
{
    (void)state;
    struct sp_code_file file;
    char path[128];
    assert_true(
        run_in_test_folder("printf '.text\\n.globl main\\nmain: nop\\nsecond: nop\\nnop\\n.type sized,@function\\n"
                           "sized: nop\\ninside: nop\\n.size sized, .-sized\\nlast: nop\\n' > a.s && "
                           "cc -nostdlib -static -Wl,-e,main a.s -o labels"));
    snprintf(path, sizeof(path), "%s/labels", test_folder);
    assert_int_equal(sp_code_file_open(&file, path, ""), 0);
    const struct sp_code_symbol *first = find(&file, "main"), *second = find(&file, "second"),
                                *sized = find(&file, "sized"), *last = find(&file, "last");
    assert_true(first && second && sized && last);
    assert_null(find(&file, "inside"));
    assert_int_equal(first->end, second->start);
    assert_int_equal(second->end, sized->start);
    assert_int_equal(sized->end, last->start);
    assert_true(last->end > last->start);
    sp_code_file_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_symbol_is_where_it_is),
        cmocka_unit_test(test_another_build_is_refused),
        cmocka_unit_test(test_what_is_no_program_is_refused),
        cmocka_unit_test(test_symbols_without_a_size_reach_to_the_next),
        cmocka_unit_test(test_damaged_files_do_no_harm),
    };
    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
