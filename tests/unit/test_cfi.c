/* Unwind entries executed up to an address: what each call frame instruction makes of the row. */
#include "handler/cfi.h"

#include "frame_tables.h"

enum { FUNCTION_BYTES = 0x4000, SP = SP_ARCH_SP, FP = SP_ARCH_FP, SOME = 3, OTHER = 5 };

/* The row `offset` bytes into a function with the usual CIE. */
static enum sp_cfi_status find_with(const struct cie *cie, const uint8_t *program, size_t bytes, uintptr_t offset,
                                    struct sp_cfi_row *row)
{
    struct frame_tables t;
    tables_new(&t, INDEX_NARROW, 1);
    tables_cie(&t, cie);
    tables_fde(&t, 0, FUNCTION_BYTES, program, bytes);
    const enum sp_cfi_status status = sp_cfi_find(&t.tables, tables_code(&t) + offset, row);
    tables_free(&t);
    return status;
}

static struct cie cie_with_program(const uint8_t *program, size_t bytes)
{
    struct cie cie = usual_cie;
    cie.program = program;
    cie.program_bytes = bytes;
    return cie;
}

static struct sp_cfi_row row_with(const struct cie *cie, const uint8_t *program, size_t bytes, uintptr_t offset)
{
    struct sp_cfi_row row;
    assert_int_equal(find_with(cie, program, bytes, offset, &row), SP_CFI_FOUND);
    return row;
}

static struct sp_cfi_row row_of(const uint8_t *program, size_t bytes, uintptr_t offset)
{
    return row_with(&usual_cie, program, bytes, offset);
}

static void expect_malformed(const uint8_t *program, size_t bytes)
{
    struct sp_cfi_row row;
    assert_int_equal(find_with(&usual_cie, program, bytes, 0, &row), SP_CFI_MALFORMED);
}

static void expect_cfa(struct sp_cfi_row row, uint16_t column, int64_t offset)
{
    assert_false(row.cfa_is_expression);
    assert_int_equal(row.cfa_register, column);
    assert_int_equal(row.cfa_offset, offset);
}

static void expect_rule(struct sp_cfi_row row, unsigned column, enum sp_rule rule, int32_t value)
{
    assert_int_equal(row.rules[column], rule);
    assert_int_equal(row.values[column], value);
}

/* What the CIE's instructions say, and of every other column nothing. */
static void expect_usual(struct sp_cfi_row row)
{
    expect_cfa(row, SP, 8);
    for (unsigned column = 0; column < SP_ARCH_COLUMNS; column++)
        if (column == SP_ARCH_RA)
            expect_rule(row, column, SP_RULE_OFFSET, -8);
        else
            expect_rule(row, column, SP_RULE_UNSPECIFIED, 0);
}

static void test_row_without_instructions_is_the_cie_s(void **state)
{
    (void)state;
    struct frame_tables t;
    struct sp_cfi_row row;
    tables_new(&t, INDEX_NARROW, 1);
    tables_cie(&t, &usual_cie);
    tables_fde(&t, 16, 32, PROGRAM(DW_CFA_nop));
    assert_int_equal(sp_cfi_find(&t.tables, tables_code(&t) + 20, &row), SP_CFI_FOUND);
    expect_usual(row);
    assert_int_equal(row.return_column, SP_ARCH_RA);
    assert_int_equal(row.begin, tables_code(&t) + 16);
    assert_int_equal(row.end, tables_code(&t) + 48);
    assert_false(row.is_signal_frame);
    tables_free(&t);
}

static void test_instruction_that_sets_a_rule(void **state)
{
    (void)state;
    expect_rule(row_of(PROGRAM(DW_CFA_offset | SOME, 2), 0), SOME, SP_RULE_OFFSET, -16);
    expect_rule(row_of(PROGRAM(DW_CFA_offset_extended, SOME, 0x80, 1), 0), SOME, SP_RULE_OFFSET, -1024);
    expect_rule(row_of(PROGRAM(DW_CFA_offset_extended_sf, SOME, 0x7e), 0), SOME, SP_RULE_OFFSET, 16);
    expect_rule(row_of(PROGRAM(DW_CFA_offset_extended_sf, SOME, 2), 0), SOME, SP_RULE_OFFSET, -16);
    expect_rule(row_of(PROGRAM(DW_CFA_GNU_negative_offset_extended, SOME, 2), 0), SOME, SP_RULE_OFFSET, 16);
    expect_rule(row_of(PROGRAM(DW_CFA_val_offset, SOME, 2), 0), SOME, SP_RULE_VAL_OFFSET, -16);
    expect_rule(row_of(PROGRAM(DW_CFA_val_offset_sf, SOME, 0x7e), 0), SOME, SP_RULE_VAL_OFFSET, 16);
    expect_rule(row_of(PROGRAM(DW_CFA_undefined, SOME), 0), SOME, SP_RULE_UNDEFINED, 0);
    expect_rule(row_of(PROGRAM(DW_CFA_same_value, SOME), 0), SOME, SP_RULE_SAME, 0);
    expect_rule(row_of(PROGRAM(DW_CFA_register, SOME, 12), 0), SOME, SP_RULE_REGISTER, 12);
}

/* A rule that stands on another's instruction changes nothing else. */
static void test_instruction_that_sets_a_rule_leaves_the_others(void **state)
{
    (void)state;
    struct sp_cfi_row row = row_of(PROGRAM(DW_CFA_offset | SOME, 2, DW_CFA_register, OTHER, 1), 0);
    expect_rule(row, SOME, SP_RULE_OFFSET, -16);
    expect_rule(row, OTHER, SP_RULE_REGISTER, 1);
    row.rules[SOME] = row.rules[OTHER] = SP_RULE_UNSPECIFIED;
    row.values[SOME] = row.values[OTHER] = 0;
    expect_usual(row);
}

static void test_instruction_that_defines_the_cfa(void **state)
{
    (void)state;
    expect_cfa(row_of(PROGRAM(DW_CFA_def_cfa, FP, 16), 0), FP, 16);
    expect_cfa(row_of(PROGRAM(DW_CFA_def_cfa_sf, FP, 0x7e), 0), FP, 16);
    expect_cfa(row_of(PROGRAM(DW_CFA_def_cfa_sf, FP, 2), 0), FP, -16);
    expect_cfa(row_of(PROGRAM(DW_CFA_def_cfa_register, FP), 0), FP, 8);
    expect_cfa(row_of(PROGRAM(DW_CFA_def_cfa_offset, 0x90, 0x80, 4), 0), SP, 0x10010);
    expect_cfa(row_of(PROGRAM(DW_CFA_def_cfa_offset_sf, 0x7e), 0), SP, 16);
    expect_cfa(row_of(PROGRAM(DW_CFA_def_cfa_expression, 1, 0x30, DW_CFA_def_cfa, FP, 24), 0), FP, 24);
}

/* Where an expression is told to stand, there is its length, and behind it its code. */
static void expect_expression(const struct frame_tables *t, int64_t place, const uint8_t *bytes, size_t n)
{
    assert_true(place > 0 && (size_t)place + n <= t->used);
    assert_memory_equal((const uint8_t *)t->tables.low + place, bytes, n);
}

static void test_instruction_with_an_expression_tells_its_place(void **state)
{
    (void)state;
    struct frame_tables t;
    struct sp_cfi_row row;
    const uint8_t program[] = {DW_CFA_expression,         SOME, 2, 0x76, 0x10, DW_CFA_val_expression, OTHER, 1, 0x31,
                               DW_CFA_def_cfa_expression, 3,    9, 0x7f, 0x96, DW_CFA_offset | 1,     4};
    tables_new(&t, INDEX_NARROW, 1);
    tables_cie(&t, &usual_cie);
    tables_fde(&t, 0, 16, program, sizeof program);
    assert_int_equal(sp_cfi_find(&t.tables, tables_code(&t), &row), SP_CFI_FOUND);
    assert_int_equal(row.rules[SOME], SP_RULE_EXPRESSION);
    expect_expression(&t, row.values[SOME], PROGRAM(2, 0x76, 0x10));
    assert_int_equal(row.rules[OTHER], SP_RULE_VAL_EXPRESSION);
    expect_expression(&t, row.values[OTHER], PROGRAM(1, 0x31));
    assert_true(row.cfa_is_expression);
    expect_expression(&t, row.cfa_offset, PROGRAM(3, 9, 0x7f, 0x96));
    expect_rule(row, 1, SP_RULE_OFFSET, -32); /* what comes behind them is read in step */
    tables_free(&t);
}

static void test_instruction_that_changes_no_row(void **state)
{
    (void)state;
    expect_usual(row_of(PROGRAM(DW_CFA_nop, DW_CFA_nop), 0));
    expect_usual(row_of(PROGRAM(DW_CFA_GNU_window_save), 0));
    expect_usual(row_of(PROGRAM(DW_CFA_AARCH64_negate_ra_state_with_pc), 0));
    expect_usual(row_of(PROGRAM(DW_CFA_GNU_args_size, 0x80, DW_CFA_def_cfa_offset), 0));
}

/* Vector registers have numbers that no walk keeps; a rule of theirs may be what it likes. */
static void test_rule_of_a_column_that_is_not_kept(void **state)
{
    (void)state;
    expect_usual(row_of(PROGRAM(DW_CFA_offset | 0x3f, 2, DW_CFA_restore | 0x3f), 0));
    expect_usual(row_of(PROGRAM(DW_CFA_offset_extended, 0x80, 1, 2, DW_CFA_restore_extended, 0x80, 1), 0));
    expect_usual(row_of(PROGRAM(DW_CFA_same_value, SP_ARCH_COLUMNS), 0));
    expect_usual(row_of(PROGRAM(DW_CFA_offset | 0x3f, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1), 0));
}

/* Of the two rows, one holds up to the location, the other from it on. */
static void expect_advance(const struct cie *cie, const uint8_t *program, size_t bytes, uintptr_t to)
{
    expect_cfa(row_with(cie, program, bytes, to - 1), SP, 8);
    expect_cfa(row_with(cie, program, bytes, to), SP, 16);
    expect_cfa(row_with(cie, program, bytes, to + 1), SP, 16);
}

static void test_location_advances_by_each_form(void **state)
{
    (void)state;
    struct cie by_four = usual_cie;
    by_four.code_factor = 4;
    const struct cie *const cies[] = {&usual_cie, &by_four};
    for (unsigned i = 0; i < 2; i++) {
        const uintptr_t factor = cies[i]->code_factor;
        expect_advance(cies[i], PROGRAM(DW_CFA_advance_loc | 0x3f, DW_CFA_def_cfa_offset, 16), 0x3f * factor);
        expect_advance(cies[i], PROGRAM(DW_CFA_advance_loc1, 0xfe, DW_CFA_def_cfa_offset, 16), 0xfe * factor);
        expect_advance(cies[i], PROGRAM(DW_CFA_advance_loc2, 2, 1, DW_CFA_def_cfa_offset, 16), 0x102 * factor);
        expect_advance(cies[i], PROGRAM(DW_CFA_advance_loc4, 4, 3, 0, 0, DW_CFA_def_cfa_offset, 16), 0x304 * factor);
        expect_advance(cies[i], PROGRAM(DW_CFA_MIPS_advance_loc8, 5, 0, 0, 0, 0, 0, 0, 0, DW_CFA_def_cfa_offset, 16),
                       5 * factor);
    }
}

static void test_location_far_away_is_not_reached(void **state)
{
    (void)state;
    const uint8_t program[] = {DW_CFA_MIPS_advance_loc8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f};
    expect_usual(row_of(program, sizeof program, FUNCTION_BYTES - 1));
    expect_usual(row_of(PROGRAM(DW_CFA_advance_loc4, 0xff, 0xff, 0xff, 0xff, 0x3f), FUNCTION_BYTES - 1));
}

static void test_location_advances_add_up(void **state)
{
    (void)state;
    const uint8_t program[] = {
        DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16, DW_CFA_advance_loc1, 3, DW_CFA_def_cfa_offset, 24, 0,
        DW_CFA_advance_loc | 4};
    const int64_t offsets[] = {8, 16, 16, 16, 24, 24, 24, 24, 24};
    for (uintptr_t at = 0; at < sizeof offsets / sizeof *offsets; at++)
        expect_cfa(row_of(program, sizeof program, at), SP, offsets[at]);
}

/* Relative to .eh_frame_hdr, the location is a constant wherever the tables are. */
static void test_location_is_set_by_an_encoded_pointer(void **state)
{
    (void)state;
    struct cie narrow = usual_cie, wide = usual_cie;
    narrow.encoding = SP_PE_DATAREL | SP_PE_UDATA2;
    wide.encoding = SP_PE_DATAREL | SP_PE_SDATA4;
    expect_advance(&narrow, PROGRAM(DW_CFA_set_loc, 9, CODE_AHEAD >> 8, DW_CFA_def_cfa_offset, 16), 9);
    expect_advance(&wide, PROGRAM(DW_CFA_set_loc, 9, CODE_AHEAD >> 8, 0, 0, DW_CFA_def_cfa_offset, 16), 9);
}

static void test_location_is_set_by_an_absolute_pointer(void **state)
{
    (void)state;
    struct frame_tables t;
    struct sp_cfi_row row;
    uint8_t program[] = {DW_CFA_set_loc, 0, 0, 0, 0, 0, 0, 0, 0, DW_CFA_def_cfa_offset, 16};
    tables_new(&t, INDEX_NARROW, 1);
    const uint64_t location = tables_code(&t) + 7;
    memcpy(program + 1, &location, sizeof location);
    struct cie cie = usual_cie;
    cie.augmentation = "";
    tables_cie(&t, &cie);
    tables_fde(&t, 0, 16, program, sizeof program);
    assert_int_equal(sp_cfi_find(&t.tables, location - 1, &row), SP_CFI_FOUND);
    expect_cfa(row, SP, 8);
    assert_int_equal(sp_cfi_find(&t.tables, location, &row), SP_CFI_FOUND);
    expect_cfa(row, SP, 16);
    tables_free(&t);
}

static void test_factor_of_data_scales_offsets(void **state)
{
    (void)state;
    struct cie by_minus_four = usual_cie, by_one = usual_cie;
    by_minus_four.data_factor = -4;
    by_one.data_factor = 1;
    expect_rule(row_with(&by_minus_four, PROGRAM(DW_CFA_offset | SOME, 6), 0), SOME, SP_RULE_OFFSET, -24);
    expect_rule(row_with(&by_one, PROGRAM(DW_CFA_offset_extended_sf, SOME, 0x70), 0), SOME, SP_RULE_OFFSET, -16);
    expect_cfa(row_with(&by_minus_four, PROGRAM(DW_CFA_def_cfa_sf, FP, 0x7c), 0), FP, 16);
    expect_cfa(row_with(&by_minus_four, PROGRAM(DW_CFA_def_cfa, FP, 4), 0), FP, 4); /* not scaled */
}

static void test_rule_restored_is_the_cie_s(void **state)
{
    (void)state;
    expect_usual(row_of(PROGRAM(DW_CFA_offset | SP_ARCH_RA, 9, DW_CFA_restore | SP_ARCH_RA), 0));
    expect_usual(row_of(PROGRAM(DW_CFA_register, SP_ARCH_RA, 1, DW_CFA_restore_extended, SP_ARCH_RA), 0));
    expect_usual(row_of(PROGRAM(DW_CFA_undefined, SOME, DW_CFA_restore | SOME), 0)); /* there it has none */
    expect_usual(row_of(PROGRAM(DW_CFA_restore | SP_ARCH_RA, DW_CFA_restore_extended, OTHER), 0));
}

/* The last rule of several that the CIE gives is the one that counts. */
static void test_rule_restored_is_the_last_of_the_cie(void **state)
{
    (void)state;
    static const uint8_t initial[] = {
        DW_CFA_def_cfa, SP_ARCH_SP, 8, DW_CFA_offset | SOME, 2, DW_CFA_offset | OTHER, 4, DW_CFA_same_value, SOME};
    const struct cie cie = cie_with_program(initial, sizeof initial);
    const struct sp_cfi_row row = row_with(&cie, PROGRAM(DW_CFA_offset | SOME, 5, DW_CFA_restore | SOME), 0);
    expect_rule(row, SOME, SP_RULE_SAME, 0);
    expect_rule(row, OTHER, SP_RULE_OFFSET, -32);
}

/* Where a frame's caller has its stack pointer has to be said, unless there is no caller. */
static void test_row_without_a_cfa_is_malformed(void **state)
{
    (void)state;
    static const uint8_t nothing[] = {DW_CFA_nop};
    const struct cie cie = cie_with_program(nothing, sizeof nothing);
    struct sp_cfi_row row;
    assert_int_equal(find_with(&cie, PROGRAM(DW_CFA_offset | SP_ARCH_RA, 1), 0, &row), SP_CFI_MALFORMED);
    assert_int_equal(find_with(&cie, PROGRAM(DW_CFA_def_cfa_offset, 8), 0, &row), SP_CFI_MALFORMED);
    assert_int_equal(find_with(&cie, PROGRAM(DW_CFA_undefined, SP_ARCH_RA), 0, &row), SP_CFI_FOUND);
    assert_int_equal(find_with(&cie, PROGRAM(DW_CFA_def_cfa, SP_ARCH_SP, 8), 0, &row), SP_CFI_FOUND);
}

static void test_rule_beyond_32_bits_is_malformed(void **state)
{
    (void)state;
    struct sp_cfi_row row;
    struct cie by_one = usual_cie;
    by_one.data_factor = 1;
    const uint8_t most[] = {DW_CFA_offset | SOME, 0xff, 0xff, 0xff, 0xff, 7}; /* 2³¹ - 1 */
    expect_rule(row_with(&by_one, most, sizeof most, 0), SOME, SP_RULE_OFFSET, INT32_MAX);
    assert_int_equal(find_with(&by_one, PROGRAM(DW_CFA_offset | SOME, 0x80, 0x80, 0x80, 0x80, 8), 0, &row),
                     SP_CFI_MALFORMED);
    expect_malformed(PROGRAM(DW_CFA_offset | SOME, 0xff, 0xff, 0xff, 0xff, 7));
    expect_malformed(PROGRAM(DW_CFA_register, SOME, 0xff, 0xff, 0xff, 0xff, 0x7f));
}

static void test_cfa_of_a_column_that_is_not_kept_is_malformed(void **state)
{
    (void)state;
    expect_malformed(PROGRAM(DW_CFA_def_cfa, SP_ARCH_COLUMNS, 8));
    expect_malformed(PROGRAM(DW_CFA_def_cfa_sf, 0x80, 1, 1));
    expect_malformed(PROGRAM(DW_CFA_def_cfa_register, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1));
}

static void test_instruction_unknown_is_malformed_where_it_is_reached(void **state)
{
    (void)state;
    struct sp_cfi_row row;
    const uint8_t unknown[] = {0x17, 0x1c, 0x1e, 0x2b, 0x30, 0x3f};
    for (unsigned i = 0; i < sizeof unknown; i++) {
        const uint8_t program[] = {DW_CFA_advance_loc | 4, unknown[i]};
        expect_usual(row_of(program, sizeof program, 3));
        assert_int_equal(find_with(&usual_cie, program, sizeof program, 4, &row), SP_CFI_MALFORMED);
    }
}

/* What the tables' own end cuts short; test_cfi_damage.c cuts everywhere. */
static void test_instruction_cut_in_its_operand_is_malformed(void **state)
{
    (void)state;
    expect_malformed(PROGRAM(DW_CFA_offset | SOME));
    expect_malformed(PROGRAM(DW_CFA_def_cfa, SP));
    expect_malformed(PROGRAM(DW_CFA_advance_loc4, 0, 0, 0));
    expect_malformed(PROGRAM(DW_CFA_set_loc, 0, 0, 0));
    expect_malformed(PROGRAM(DW_CFA_def_cfa_expression, 2, 0x30));
    expect_malformed(PROGRAM(DW_CFA_expression, SOME, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0));
    expect_malformed(PROGRAM(DW_CFA_def_cfa_offset, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                             0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80));
}

static void test_program_of_the_cie_malformed_is_that_of_its_entries(void **state)
{
    (void)state;
    struct sp_cfi_row row;
    static const uint8_t initial[] = {DW_CFA_restore_state}, cut[] = {DW_CFA_def_cfa, SP};
    const struct cie unbalanced = cie_with_program(initial, sizeof initial);
    const struct cie short_one = cie_with_program(cut, sizeof cut);
    assert_int_equal(find_with(&unbalanced, PROGRAM(DW_CFA_nop), 0, &row), SP_CFI_MALFORMED);
    assert_int_equal(find_with(&short_one, PROGRAM(DW_CFA_nop), 0, &row), SP_CFI_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_without_instructions_is_the_cie_s),
        cmocka_unit_test(test_instruction_that_sets_a_rule),
        cmocka_unit_test(test_instruction_that_sets_a_rule_leaves_the_others),
        cmocka_unit_test(test_instruction_that_defines_the_cfa),
        cmocka_unit_test(test_instruction_with_an_expression_tells_its_place),
        cmocka_unit_test(test_instruction_that_changes_no_row),
        cmocka_unit_test(test_rule_of_a_column_that_is_not_kept),
        cmocka_unit_test(test_location_advances_by_each_form),
        cmocka_unit_test(test_location_far_away_is_not_reached),
        cmocka_unit_test(test_location_advances_add_up),
        cmocka_unit_test(test_location_is_set_by_an_encoded_pointer),
        cmocka_unit_test(test_location_is_set_by_an_absolute_pointer),
        cmocka_unit_test(test_factor_of_data_scales_offsets),
        cmocka_unit_test(test_rule_restored_is_the_cie_s),
        cmocka_unit_test(test_rule_restored_is_the_last_of_the_cie),
        cmocka_unit_test(test_row_without_a_cfa_is_malformed),
        cmocka_unit_test(test_rule_beyond_32_bits_is_malformed),
        cmocka_unit_test(test_cfa_of_a_column_that_is_not_kept_is_malformed),
        cmocka_unit_test(test_instruction_unknown_is_malformed_where_it_is_reached),
        cmocka_unit_test(test_instruction_cut_in_its_operand_is_malformed),
        cmocka_unit_test(test_program_of_the_cie_malformed_is_that_of_its_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
