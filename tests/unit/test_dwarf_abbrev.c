/* Tables of abbreviations: DWARF 5, 7.5.3; and the steps that are made of them. */
#include "check.h"
#include "made_dwarf.h"
#include "symbolize/dwarf_abbrev.h"

#include <dwarf.h>
#include <errno.h>

static const struct sp_dwarf_encoding usual = {.version = 5, .address_size = 8, .offset_size = 4};
static struct made_dwarf dwarf;

/* Reads the table that has been made. */
static int read_table(struct sp_dwarf_abbrevs *table, uint64_t offset, uint64_t last)
{
    uint64_t work = UINT64_MAX;
    return sp_dwarf_abbrevs_read(table, &dwarf.view, offset, &usual, last, &work);
}

/* A step by what it does. */
static void check_step(const struct sp_dwarf_abbrevs *table, uint32_t index, uint32_t bytes,
                       enum sp_dwarf_action action)
{
    assert_in_range(index, 0, table->n_steps - 1);
    assert_int_equal(table->steps[index].bytes, bytes);
    assert_int_equal(table->steps[index].action, action);
}

static void test_steps(void **state)
{
    (void)state;
    struct sp_dwarf_abbrevs table = {.n = 0};
    put_abbrev(&dwarf, 1, DW_TAG_variable, 0,
               (uint64_t[]){DW_AT_name, DW_FORM_strp, DW_AT_decl_file, DW_FORM_data1, DW_AT_decl_line, DW_FORM_data2,
                            DW_AT_type, DW_FORM_ref4, DW_AT_location, DW_FORM_exprloc, 0});
    put_abbrev(&dwarf, 2, DW_TAG_subprogram, 1,
               (uint64_t[]){DW_AT_external, DW_FORM_flag_present, DW_AT_name, DW_FORM_strp, DW_AT_low_pc, DW_FORM_addr,
                            DW_AT_high_pc, DW_FORM_data8, DW_AT_frame_base, DW_FORM_exprloc, DW_AT_sibling,
                            DW_FORM_ref4, 0});
    put_abbrev(&dwarf, 3, DW_TAG_lexical_block, 0, (uint64_t[]){DW_AT_low_pc, DW_FORM_addr, 0});
    put(&dwarf.sections[SP_DWARF_ABBREV], 0, 1);
    open_made(&dwarf);
    assert_int_equal(read_table(&table, 0, 0), 0);
    assert_int_equal(table.n, 3);
    assert_true(table.is_dense);
    const struct sp_dwarf_abbrev *variable = sp_dwarf_abbrev_find(&table, 1);
    assert_int_equal(variable->tag, DW_TAG_variable);
    assert_false(variable->has_children);
    check_step(&table, variable->first_step, 11, SP_DWARF_SKIP);
    check_step(&table, variable->first_step + 1, 0, SP_DWARF_END);
    const struct sp_dwarf_abbrev *function = sp_dwarf_abbrev_find(&table, 2);
    assert_true(function->has_children && function->has_code);
    check_step(&table, function->first_step, 4, SP_DWARF_LOW_PC);
    check_step(&table, function->first_step + 1, 0, SP_DWARF_HIGH_PC);
    check_step(&table, function->first_step + 2, 0, SP_DWARF_SKIP);
    check_step(&table, function->first_step + 3, 0, SP_DWARF_SIBLING);
    check_step(&table, function->first_step + 4, 0, SP_DWARF_END);
    /* Where the code of a block is does not matter: what is inlined there says it itself. */
    check_step(&table, sp_dwarf_abbrev_find(&table, 3)->first_step, 8, SP_DWARF_END);
    assert_null(sp_dwarf_abbrev_find(&table, 0));
    assert_null(sp_dwarf_abbrev_find(&table, 4));
    sp_dwarf_abbrevs_done(&table);
    close_made(&dwarf);
}

/* Codes may come in any order and with gaps; of two declarations the first counts. */
static void test_codes_in_disorder(void **state)
{
    (void)state;
    struct sp_dwarf_abbrevs table = {.n = 0};
    static const uint64_t none[] = {0};
    put_abbrev(&dwarf, 700, DW_TAG_member, 0, none);
    put_abbrev(&dwarf, 2, DW_TAG_typedef, 0, none);
    put_abbrev(&dwarf, UINT64_MAX, DW_TAG_variable, 0, none);
    put_abbrev(&dwarf, 2, DW_TAG_base_type, 0, none);
    put(&dwarf.sections[SP_DWARF_ABBREV], 0, 1);
    open_made(&dwarf);
    assert_int_equal(read_table(&table, 0, 0), 0);
    assert_false(table.is_dense);
    assert_int_equal(table.n, 3);
    assert_int_equal(sp_dwarf_abbrev_find(&table, 2)->tag, DW_TAG_typedef);
    assert_int_equal(sp_dwarf_abbrev_find(&table, 700)->tag, DW_TAG_member);
    assert_int_equal(sp_dwarf_abbrev_find(&table, UINT64_MAX)->tag, DW_TAG_variable);
    assert_null(sp_dwarf_abbrev_find(&table, 1));
    assert_null(sp_dwarf_abbrev_find(&table, 701));
    sp_dwarf_abbrevs_done(&table);
    close_made(&dwarf);
}

/* The value of an implicit constant follows its form (7.5.3). Reading may stop at a code. */
static void test_an_implicit_constant_and_a_part_of_a_table(void **state)
{
    (void)state;
    struct sp_dwarf_abbrevs table = {.n = 0};
    struct made *made = &dwarf.sections[SP_DWARF_ABBREV];
    put(made, 0xff, 3); /* a table of another unit's may lie in front */
    put_uleb(made, 1);
    put_uleb(made, DW_TAG_subprogram);
    put(made, DW_CHILDREN_no, 1);
    put_uleb(made, DW_AT_decl_line);
    put_uleb(made, DW_FORM_implicit_const);
    put_sleb(made, -129);
    put_uleb(made, DW_AT_name);
    put_uleb(made, DW_FORM_strp);
    put(made, 0, 2);
    put_abbrev(&dwarf, 2, DW_TAG_member, 0, (uint64_t[]){0});
    open_made(&dwarf); /* cut off: without the zero at its end */
    assert_int_equal(read_table(&table, 3, 0), -EBADMSG);
    assert_int_equal(read_table(&table, 3, 1), 0);
    assert_int_equal(table.n, 1);
    assert_true(sp_dwarf_implicit(&table, &table.attributes[0]) == -129);
    assert_true(sp_dwarf_implicit(&table, &table.attributes[1]) == 0);
    assert_int_equal(table.attributes[1].form, DW_FORM_strp);
    assert_int_equal(read_table(&table, made->n, 0), -EBADMSG);
    assert_int_equal(read_table(&table, UINT64_MAX, 0), -EBADMSG);
    sp_dwarf_abbrevs_done(&table);
    close_made(&dwarf);
}

/* A table of more bytes than are read at first. */
static void test_a_long_table(void **state)
{
    (void)state;
    struct sp_dwarf_abbrevs table = {.n = 0};
    for (uint64_t code = 1; code <= 5000; code++)
        put_abbrev(&dwarf, code, DW_TAG_member, 0, (uint64_t[]){DW_AT_name, DW_FORM_strp, DW_AT_type, DW_FORM_ref4, 0});
    put(&dwarf.sections[SP_DWARF_ABBREV], 0, 1);
    open_made(&dwarf);
    assert_int_equal(read_table(&table, 0, 0), 0);
    assert_int_equal(table.n, 5000);
    assert_int_equal(sp_dwarf_abbrev_find(&table, 5000)->code, 5000);
    sp_dwarf_abbrevs_done(&table);
    close_made(&dwarf);
}

/* An attribute that is there many times and takes no bytes is one step: an entry is no more work than its bytes. */
static void test_attributes_that_are_repeated(void **state)
{
    (void)state;
    struct sp_dwarf_abbrevs table = {.n = 0};
    uint64_t pairs[2 * 400 + 1] = {0};
    for (size_t i = 0; i < 100; i++) {
        pairs[2 * i] = DW_AT_low_pc;
        pairs[2 * i + 1] = DW_FORM_flag_present;
    }
    put_abbrev(&dwarf, 1, DW_TAG_subprogram, 1, pairs);
    put(&dwarf.sections[SP_DWARF_ABBREV], 0, 1);
    open_made(&dwarf);
    assert_int_equal(read_table(&table, 0, 0), 0);
    assert_int_equal(table.n_steps, 2);
    close_made(&dwarf);
    for (size_t i = 100; i < 400; i++) {
        pairs[2 * i] = DW_AT_low_pc;
        pairs[2 * i + 1] = DW_FORM_flag_present;
    }
    put_abbrev(&dwarf, 1, DW_TAG_subprogram, 1, pairs);
    put(&dwarf.sections[SP_DWARF_ABBREV], 0, 1);
    open_made(&dwarf);
    assert_int_equal(read_table(&table, 0, 0), -EBADMSG); /* nothing real has so many */
    sp_dwarf_abbrevs_done(&table);
    close_made(&dwarf);
}

/* Tables are read once; what they take counts, and at the end of it no more is read. */
static void test_the_cache_and_its_work(void **state)
{
    (void)state;
    static struct sp_dwarf_abbrev_cache cache;
    uint64_t work = 20;
    int error;
    for (int i = 0; i < 3; i++) {
        put_abbrev(&dwarf, 1, DW_TAG_member, 0, (uint64_t[]){DW_AT_name, DW_FORM_strp, 0});
        put(&dwarf.sections[SP_DWARF_ABBREV], 0, 1);
    }
    open_made(&dwarf);
    const struct sp_dwarf_abbrevs *first = sp_dwarf_abbrev_cache_get(&cache, &dwarf.view, 0, &usual, &work, &error);
    assert_non_null(first);
    assert_int_equal(work, 12);
    assert_ptr_equal(sp_dwarf_abbrev_cache_get(&cache, &dwarf.view, 0, &usual, &work, &error), first);
    assert_int_equal(work, 12);
    sp_dwarf_abbrev_cache_forget(&cache, &dwarf.file);
    assert_non_null(sp_dwarf_abbrev_cache_get(&cache, &dwarf.view, 0, &usual, &work, &error));
    assert_int_equal(work, 4);
    assert_non_null(sp_dwarf_abbrev_cache_get(&cache, &dwarf.view, 8, &usual, &work, &error));
    assert_int_equal(work, 0);
    assert_null(sp_dwarf_abbrev_cache_get(&cache, &dwarf.view, 16, &usual, &work, &error));
    assert_int_equal(error, -EBADMSG);
    sp_dwarf_abbrev_cache_done(&cache);
    close_made(&dwarf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_codes_in_disorder),
        cmocka_unit_test(test_an_implicit_constant_and_a_part_of_a_table),
        cmocka_unit_test(test_a_long_table),
        cmocka_unit_test(test_attributes_that_are_repeated),
        cmocka_unit_test(test_the_cache_and_its_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
