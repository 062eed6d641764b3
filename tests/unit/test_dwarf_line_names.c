/* The directories and files of line tables, made by hand as DWARF 5, 6.2.4 and DWARF 4, 6.2.4 have them. */
#include "check.h"

#include "line_tables.h"

#include <limits.h>

enum { PATH = 1, DIRECTORY = 2, TIMESTAMP = 3, SIZE = 4, MD5 = 5, LLVM_SOURCE = 0x2001 };

struct names {
    struct made table, line_texts, texts;
};

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct names));
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

/* `expected` is NULL where the table has no such file. */
static void check_path(const struct names *names, const char *directory, uint64_t number, const char *expected)
{
    const struct sp_dwarf_file file = file_of(&names->table, &names->line_texts, &names->texts);
    const struct sp_dwarf_line_unit unit = {.file = &file, .directory = directory};
    struct sp_dwarf_lines *lines = sp_dwarf_lines_new();
    struct sp_dwarf_place place = {.vaddr = 1};
    char out[PATH_MAX];
    assert_non_null(lines);
    assert_int_equal(sp_dwarf_lines_open(lines, &unit), 0);
    sp_dwarf_lines_find(lines, &place, 1);
    const char *path = sp_dwarf_lines_path(lines, number, out);
    if (expected && path)
        assert_string_equal(path, expected);
    else
        assert_ptr_equal(path, expected);
    assert_true(!path || path == out);
    sp_dwarf_lines_free(lines);
}

static void put_old_file(struct made *made, const char *name, unsigned directory)
{
    put_text(made, name);
    put_uleb(made, directory);
    put_uleb(made, 123456); /* time */
    put_uleb(made, 789);    /* size */
}

static void make_old_table(struct names *names, uint16_t version)
{
    struct made *made = &names->table;
    struct made_table table = {.made = made, .version = version};
    made->n = 0;
    begin_table(&table);
    put_text(made, "/usr/include");
    put_text(made, "sub/../inc");
    put(made, 0, 1);
    put_old_file(made, "main.c", 0);
    put_old_file(made, "stdio.h", 1);
    put_old_file(made, "own.h", 2);
    put_old_file(made, "/abs//x.h", 2);
    put_old_file(made, "lost.h", 77);
    put(made, 0, 1);
    begin_program(&table);
    put(made, 0, 1); /* DW_LNE_define_file */
    put_uleb(made, 1 + 10 + 1 + 3 + 2);
    put(made, 3, 1);
    put_old_file(made, "defined.h", 2);
    end_table(&table);
}

static void test_files_before_version_5(void **state)
{
    struct names *names = *state;
    for (uint16_t version = 2; version <= 4; version++) {
        make_old_table(names, version);
        check_path(names, "/build", 0, NULL);
        check_path(names, "/build", 1, "/build/main.c");
        check_path(names, "/build", 2, "/usr/include/stdio.h");
        check_path(names, "/build", 3, "/build/inc/own.h");
        check_path(names, "/build", 4, "/abs/x.h");
        check_path(names, "/build", 5, "/build/lost.h");
        check_path(names, "/build", 6, "/build/inc/defined.h");
        check_path(names, "/build", 7, NULL);
        check_path(names, "/build", UINT64_MAX, NULL);
        check_path(names, NULL, 1, "main.c");
        check_path(names, NULL, 3, "inc/own.h");
        check_path(names, "rel", 1, "rel/main.c");
    }
}

/* What a list's entries are made of: pairs of a content and a form. */
static void put_formats(struct made *made, const uint64_t (*pairs)[2], size_t n)
{
    put(made, n, 1);
    for (size_t i = 0; i < n; i++) {
        put_uleb(made, pairs[i][0]);
        put_uleb(made, pairs[i][1]);
    }
}

#define PUT_FORMATS(made, ...)                            \
    put_formats(made, (const uint64_t[][2]){__VA_ARGS__}, \
                sizeof((const uint64_t[][2]){__VA_ARGS__}) / sizeof(uint64_t[2]))

/* Puts the text behind the others of its section. Returns where. */
static size_t add_text(struct made *section, const char *text)
{
    const size_t at = section->n;
    put_text(section, text);
    return at;
}

/* As clang writes them: texts in .debug_line_str, a check sum; directory 0 and file 0 are the unit's. */
static void make_new_table(struct names *names, bool is_64_bit, const char *directory_0)
{
    struct made *made = &names->table;
    struct made_table table = {.made = made, .version = 5, .is_64_bit = is_64_bit};
    made->n = names->line_texts.n = 0;
    begin_table(&table);
    PUT_FORMATS(made, {PATH, 0x1f});
    put_uleb(made, 3);
    put(made, add_text(&names->line_texts, directory_0), offset_size(&table));
    put(made, add_text(&names->line_texts, "inc"), offset_size(&table));
    put(made, add_text(&names->line_texts, "/usr/include"), offset_size(&table));
    PUT_FORMATS(made, {PATH, 0x1f}, {DIRECTORY, 0x0b}, {MD5, 0x1e}, {LLVM_SOURCE, 0x08});
    put_uleb(made, 4);
    for (uint64_t i = 0; i < 4; i++) {
        static const char *const texts[] = {"main.c", "own.h", "stdio.h", "../up.c"};
        put(made, add_text(&names->line_texts, texts[i]), offset_size(&table));
        put(made, i % 3, 1);
        put(made, UINT64_MAX, 8), put(made, 0, 8);
        put_text(made, "int main;");
    }
    begin_program(&table);
    end_table(&table);
}

static void test_files_of_version_5(void **state)
{
    struct names *names = *state;
    for (int is_64_bit = 0; is_64_bit < 2; is_64_bit++) {
        make_new_table(names, is_64_bit, "/build");
        check_path(names, "/build", 0, "/build/main.c");
        check_path(names, "/build", 1, "/build/inc/own.h");
        check_path(names, "/build", 2, "/usr/include/stdio.h");
        check_path(names, "/build", 3, "/up.c");
        check_path(names, "/build", 4, NULL);
        check_path(names, NULL, 0, "/build/main.c");
        check_path(names, NULL, 1, "/build/inc/own.h");
    }
}

/* An option of compilers makes the unit's directory relative, in both places: all tools put the one into the other. */
static void test_a_relative_directory_of_the_unit(void **state)
{
    struct names *names = *state;
    make_new_table(names, false, "csu");
    check_path(names, "csu", 0, "csu/csu/main.c");
    check_path(names, "csu", 1, "csu/inc/own.h");
    check_path(names, NULL, 0, "csu/main.c");
    check_path(names, "/build", 0, "/build/csu/main.c");
    make_new_table(names, false, ".");
    check_path(names, ".", 0, "main.c");
    check_path(names, "/build", 0, "/build/main.c");
}

static void test_texts_in_other_sections(void **state)
{
    static const struct {
        unsigned form, size;
        uint64_t value;
        const char *path;
    } kinds[] = {
        {0x0e, 4, 1, "/b/in_str"}, {0x1f, 4, 2, "/b/in_line_str"},
        {0x0e, 4, 1000, NULL},     {0x1f, 4, UINT32_MAX, NULL},
        {0x1d, 4, 1, NULL},                            /* of a file beside */
        {0x1a, 1, 1, NULL},        {0x28, 4, 1, NULL}, /* by an index of the unit's */
        {0x1f21, 4, 1, NULL},
    };
    struct names *names = *state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        struct made *made = &names->table;
        struct made_table table = {.made = made, .version = 5};
        made->n = names->texts.n = names->line_texts.n = 0;
        put(&names->texts, 'x', 1), put_text(&names->texts, "in_str");
        put(&names->line_texts, 'x', 2), put_text(&names->line_texts, "in_line_str");
        begin_table(&table);
        put(made, 0, 1), put(made, 0, 1); /* no directories */
        PUT_FORMATS(made, {PATH, kinds[i].form});
        put_uleb(made, 1);
        put(made, kinds[i].value, kinds[i].size);
        begin_program(&table);
        end_table(&table);
        check_path(names, "/b", 0, kinds[i].path);
    }
}

/* Fields of each form stand before the one that is wanted. */
static void test_forms_are_skipped(void **state)
{
    static const struct {
        unsigned form;
        uint64_t bytes;
        size_t size;
    } kinds[] = {
        {0x03, 0x99990002, 4}, {0x04, 1, 5},        {0x05, 1, 2}, {0x06, 1, 4}, {0x07, 1, 8},      {0x08, 0x006162, 3},
        {0x09, 0x777702, 3},   {0x0a, 0x777702, 3}, {0x0b, 1, 1}, {0x0c, 1, 1}, {0x0d, 0x7f80, 2}, {0x0e, 0, 4},
        {0x0f, 0x0180, 2},     {0x17, 0, 4},        {0x1a, 5, 1}, {0x1d, 0, 4}, {0x1e, 0, 16},     {0x1f, 0, 4},
        {0x25, 1, 1},          {0x26, 1, 2},        {0x27, 1, 3}, {0x28, 1, 4}, {0x1f21, 0, 4},
    };
    struct names *names = *state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        struct made *made = &names->table;
        struct made_table table = {.made = made, .version = 5};
        made->n = 0;
        begin_table(&table);
        put(made, 0, 1), put(made, 0, 1);
        PUT_FORMATS(made, {TIMESTAMP, kinds[i].form}, {PATH, 0x08}, {SIZE, kinds[i].form});
        put_uleb(made, 2);
        for (int entry = 0; entry < 2; entry++) {
            put(made, kinds[i].bytes, kinds[i].size);
            put_text(made, entry == 0 ? "a" : "b");
            put(made, kinds[i].bytes, kinds[i].size);
        }
        begin_program(&table);
        end_table(&table);
        check_path(names, NULL, 1, "b");
    }
}

static void test_an_unknown_form_ends_the_names(void **state)
{
    struct names *names = *state;
    struct made_table table = {.made = &names->table, .version = 5};
    begin_table(&table);
    put(&names->table, 0, 1), put(&names->table, 0, 1);
    PUT_FORMATS(&names->table, {PATH, 0x08}, {SIZE, 0x21});
    put_uleb(&names->table, 1);
    put_text(&names->table, "a");
    begin_program(&table);
    end_table(&table);
    check_path(names, NULL, 0, NULL);
}

static void test_giant_counts(void **state)
{
    for (int n_fields = 0; n_fields < 2; n_fields++) {
        struct names *names = *state;
        struct made *made = &names->table;
        struct made_table table = {.made = made, .version = 5};
        made->n = 0;
        begin_table(&table);
        put(made, 0, 1), put(made, 0, 1);
        if (n_fields == 0)
            put(made, 0, 1); /* entries of no bytes */
        else
            PUT_FORMATS(made, {PATH, 0x08});
        put_uleb(made, UINT64_MAX);
        put_text(made, "a");
        begin_program(&table);
        end_table(&table);
        check_path(names, NULL, 0, n_fields == 0 ? NULL : "a");
        check_path(names, NULL, 1, NULL);
        check_path(names, NULL, UINT64_MAX - 1, NULL);
    }
}

/* More than one mark's entries. */
static void test_many_files(void **state)
{
    struct names *names = *state;
    struct made *made = &names->table;
    struct made_table table = {.made = made, .version = 4};
    char text[32];
    begin_table(&table);
    for (unsigned i = 1; i <= 300; i++) {
        snprintf(text, sizeof(text), "directory%u", i);
        put_text(made, text);
    }
    put(made, 0, 1);
    for (unsigned i = 1; i <= 300; i++) {
        snprintf(text, sizeof(text), "file%u", i);
        put_old_file(made, text, i);
    }
    put(made, 0, 1);
    begin_program(&table);
    end_table(&table);
    check_path(names, "/b", 1, "/b/directory1/file1");
    check_path(names, "/b", 16, "/b/directory16/file16");
    check_path(names, "/b", 17, "/b/directory17/file17");
    check_path(names, "/b", 300, "/b/directory300/file300");
    check_path(names, "/b", 301, NULL);
}

static void test_a_path_that_is_too_long(void **state)
{
    struct names *names = *state;
    struct made *made = &names->table;
    struct made_table table = {.made = made, .version = 4};
    begin_table(&table);
    put(made, 0, 1);
    for (size_t length = PATH_MAX - 3; length < PATH_MAX; length++) {
        for (size_t i = 0; i < length; i++)
            put(made, 'a', 1);
        put_old_file(made, "", 0);
    }
    put(made, 0, 1);
    begin_program(&table);
    end_table(&table);
    char expected[PATH_MAX] = {0};
    memset(expected, 'a', PATH_MAX - 1);
    check_path(names, NULL, 3, expected);
    check_path(names, "b", 2, NULL);
    expected[0] = 'b', expected[1] = '/';
    check_path(names, "b", 1, expected);
}

/* Entries that nobody has to walk over again for each path. */
static void test_huge_entries(void **state)
{
    struct names *names = *state;
    struct made *made = &names->table;
    struct made_table table = {.made = made, .version = 5};
    begin_table(&table);
    put(made, 0, 1), put(made, 0, 1);
    PUT_FORMATS(made, {PATH, 0x08}, {SIZE, 0x04});
    put_uleb(made, 3);
    for (int i = 0; i < 3; i++) {
        put_text(made, "a");
        put(made, 33000, 4); /* a block's size */
        put(made, 0, 33000);
    }
    begin_program(&table);
    end_table(&table);
    check_path(names, NULL, 0, "a");
    check_path(names, NULL, 1, NULL);
    check_path(names, NULL, 2, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_files_before_version_5, setup, teardown),
        cmocka_unit_test_setup_teardown(test_files_of_version_5, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_relative_directory_of_the_unit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_texts_in_other_sections, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forms_are_skipped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_unknown_form_ends_the_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_giant_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_path_that_is_too_long, setup, teardown),
        cmocka_unit_test_setup_teardown(test_huge_entries, setup, teardown),
    };
    return cmocka_run_group_tests_name("dwarf_line_names", tests, NULL, NULL);
}
