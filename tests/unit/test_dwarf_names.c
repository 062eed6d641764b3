/* What entries say of functions, through all that they refer to. */
#include "check.h"
#include "made_tree.h"
#include "symbolize/dwarf_names.h"

#include <string.h>

static struct made_dwarf dwarf, shared;
static struct open_tree tree;
static struct sp_dwarf_units units, shared_units;
static struct sp_dwarf_names names;

/* Opens what has been made, with the unit at `offset` at hand. */
static void begin(uint64_t offset, bool has_shared)
{
    open_made(&dwarf);
    open_made(&shared);
    assert_int_equal(open_tree(&tree, &dwarf, offset), 0);
    assert_int_equal(sp_dwarf_units_init(&units, &dwarf.view, NULL, &tree.reading), 0);
    names = (struct sp_dwarf_names){.program = {&dwarf.view, &units}, .reading = &tree.reading};
    if (has_shared) {
        assert_int_equal(sp_dwarf_units_init(&shared_units, &shared.view, NULL, &tree.reading), 0);
        names.alternate = (struct sp_dwarf_library){&shared.view, &shared_units};
    }
    assert_int_equal(sp_dwarf_names_begin(&names, &tree.unit, tree.entries.reader.base), 0);
}

static void end(void)
{
    sp_dwarf_names_done(&names);
    sp_dwarf_units_done(&units);
    sp_dwarf_units_done(&shared_units);
    close_tree(&tree);
    close_made(&dwarf);
    close_made(&shared);
}

static void check_text(const char *text, const char *expected)
{
    if (expected && text)
        assert_string_equal(text, expected);
    else
        assert_ptr_equal(text, expected);
}

/* An entry has these; NULL and 0: none. */
static void check_name(uint64_t entry, const char *system_name, const char *name, uint32_t line)
{
    struct sp_dwarf_name found;
    struct sp_dwarf_call call;
    sp_dwarf_names_read(&names, entry, &found, &call);
    check_text(found.system_name, system_name);
    check_text(found.name, name);
    assert_int_equal(found.start_line, line);
}

/* A call says where it is; its origin has the system name, and what that was declared as the line. */
static void test_a_chain(void **state)
{
    (void)state;
    struct sp_dwarf_name found, again;
    struct sp_dwarf_call call;
    put_abbrevs(&dwarf);
    const size_t start = begin_tree(&dwarf);
    const uint64_t declared = put_declaration(&dwarf, "area", 42);
    const uint64_t defined = put_entry(&dwarf, DEFINITION);
    put(&dwarf.sections[SP_DWARF_INFO], declared, 4);
    put_text(&dwarf.sections[SP_DWARF_INFO], "_Z4areav");
    const uint64_t calls[] = {put_call(&dwarf, defined, 0x2000, 1, 99), put_call(&dwarf, declared, 0x2000, 1, 98)};
    put_end(&dwarf);
    put_end(&dwarf);
    end_tree(&dwarf, start);
    begin(0, false);
    sp_dwarf_names_read(&names, calls[0], &found, &call);
    assert_true(call.has_file);
    assert_int_equal(call.file, 1);
    assert_int_equal(call.line, 99);
    assert_int_equal(call.column, 7);
    sp_dwarf_names_read(&names, calls[0], &again, &call);
    assert_ptr_equal(found.system_name, again.system_name); /* remembered */
    check_name(calls[0], "_Z4areav", NULL, 42);
    check_name(calls[1], NULL, "area", 42);
    check_name(declared, NULL, "area", 42);
    end();
}

/* Origins that go round, or lead out of the unit, or into the middle of nowhere. */
static void test_chains_that_are_none(void **state)
{
    (void)state;
    struct made *made = &dwarf.sections[SP_DWARF_INFO];
    put_abbrevs(&dwarf);
    const size_t start = begin_tree(&dwarf);
    const uint64_t self = put_entry(&dwarf, ALIAS);
    put(made, self, 4);
    const uint64_t first = put_entry(&dwarf, ALIAS);
    put(made, first + 5, 4);
    const uint64_t second = put_entry(&dwarf, ALIAS);
    put(made, first, 4);
    const uint64_t out = put_entry(&dwarf, ALIAS);
    put(made, 100000, 4);
    const uint64_t header = put_entry(&dwarf, ALIAS);
    put(made, 3, 4);
    const uint64_t end_of_children = put_entry(&dwarf, ALIAS);
    put(made, made->n + 4, 4);
    end_tree(&dwarf, start);
    begin(0, false);
    const uint64_t all[] = {self, first, second, out, header, end_of_children};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        check_name(all[i], NULL, NULL, 0);
    end();
}

/* A chain longer than any real one leads nowhere. */
static void test_a_long_chain(void **state)
{
    (void)state;
    uint64_t aliases[40];
    put_abbrevs(&dwarf);
    const size_t start = begin_tree(&dwarf);
    uint64_t last = put_declaration(&dwarf, "deep", 1);
    for (size_t i = 0; i < 40; i++) {
        aliases[i] = put_entry(&dwarf, ALIAS);
        put(&dwarf.sections[SP_DWARF_INFO], last, 4);
        last = aliases[i];
    }
    end_tree(&dwarf, start);
    begin(0, false);
    check_name(aliases[39], NULL, NULL, 0);
    end();
}

/* Entries of other units (link-time optimization has them), also far in the unit, whose names may be long. */
static void test_other_units(void **state)
{
    (void)state;
    struct made *made = &dwarf.sections[SP_DWARF_INFO];
    static char long_name[3001];
    memset(long_name, 'n', sizeof(long_name) - 1);
    put_abbrevs(&dwarf);
    const size_t other = begin_tree(&dwarf);
    const uint64_t near = put_declaration(&dwarf, "near", 5);
    const uint64_t far = put_declaration(&dwarf, long_name, 6);
    end_tree(&dwarf, other);
    const size_t start = begin_tree(&dwarf);
    const uint64_t origins[] = {near, far, other, 100000};
    uint64_t calls[4];
    for (size_t i = 0; i < 4; i++) {
        calls[i] = put_entry(&dwarf, FAR_CALL);
        put(made, origins[i], 4);
        put(made, 0x2000, 8);
        put(made, 1, 4);
    }
    const uint64_t own = put_declaration(&dwarf, "own", 7);
    const uint64_t to_own = put_entry(&dwarf, FAR_CALL);
    put(made, own, 4);
    put(made, 0, 12);
    end_tree(&dwarf, start);
    begin(start, false);
    check_name(calls[0], NULL, "near", 5);
    check_name(calls[1], NULL, long_name, 6);
    check_name(calls[2], NULL, NULL, 0); /* the header of a unit */
    check_name(calls[3], NULL, NULL, 0); /* beyond all units */
    check_name(to_own, NULL, "own", 7);
    end();
}

/* Entries in the file that several programs share, if it is there. */
static void test_the_alternate_file(void **state)
{
    (void)state;
    for (int has_shared = 0; has_shared < 2; has_shared++) {
        put_abbrevs(&dwarf);
        put_abbrevs(&shared);
        const size_t other = begin_tree(&shared);
        const uint64_t there = put_declaration(&shared, "common", 8);
        end_tree(&shared, other);
        const size_t start = begin_tree(&dwarf);
        const uint64_t here = put_entry(&dwarf, SHARED);
        put(&dwarf.sections[SP_DWARF_INFO], 0x2000, 8);
        put(&dwarf.sections[SP_DWARF_INFO], 1, 4);
        put(&dwarf.sections[SP_DWARF_INFO], there, 4);
        end_tree(&dwarf, start);
        begin(0, has_shared);
        check_name(here, NULL, has_shared ? "common" : NULL, has_shared ? 8 : 0);
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_chain),
        cmocka_unit_test(test_chains_that_are_none),
        cmocka_unit_test(test_a_long_chain),
        cmocka_unit_test(test_other_units),
        cmocka_unit_test(test_the_alternate_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
