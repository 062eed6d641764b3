/* Rows of the unwind tables packed in words: what fits, what does not. */
#include "handler/rule_cache.h"

#include "frame_tables.h"

enum { SP = SP_ARCH_SP, FP = SP_ARCH_FP, RA = SP_ARCH_RA, SOME = 3, UNIT = SP_ARCH_CFA_UNIT, PC = 0x401000 };
#if SP_ARCH_HAS_LINK_REGISTER
enum { FP_LOWEST = -8184 }; /* of a frame record, from the CFA */
#else
enum { FP_LOWEST = -512 };
#endif

static const struct sp_tables nothing = {0, 0, 0, 0};

/* CFA = column + offset, return address and frame pointer saved at these offsets from it; 0: not saved. */
static struct sp_cfi_row row_with(uint16_t column, int64_t cfa_offset, int32_t ra, int32_t fp)
{
    struct sp_cfi_row row = {.cfa_register = column, .cfa_offset = cfa_offset, .return_column = RA};
    row.rules[RA] = ra != 0 ? SP_RULE_OFFSET : SP_RULE_UNSPECIFIED;
    row.values[RA] = ra;
    row.rules[FP] = fp != 0 ? SP_RULE_OFFSET : SP_RULE_UNSPECIFIED;
    row.values[FP] = fp;
    return row;
}

static uint32_t pack(const struct sp_cfi_row *row)
{
    return sp_rule_pack(&nothing, row, PC);
}

/* That the word says what the row said. */
static void expect_packed(struct sp_cfi_row row, enum sp_rule_kind kind)
{
    const uint32_t rule = pack(&row);
    const uintptr_t cfa = 0x100000;
    uintptr_t ra_at, fp_at;
    assert_int_equal(sp_rule_kind(rule), kind);
    assert_int_equal(sp_rule_cfa_units(rule) * UNIT, row.cfa_offset);
    sp_arch_unpack_saves(cfa, sp_rule_saves(rule), &ra_at, &fp_at);
    assert_int_equal(ra_at, row.rules[RA] == SP_RULE_OFFSET ? cfa + (uintptr_t)(intptr_t)row.values[RA] : 0);
    assert_int_equal(fp_at, row.rules[FP] == SP_RULE_OFFSET ? cfa + (uintptr_t)(intptr_t)row.values[FP] : 0);
}

static void expect_complex(struct sp_cfi_row row)
{
    assert_int_equal(pack(&row), sp_rule_make(SP_FRAME_COMPLEX, 0, 0));
}

/* The row of a function that has saved return address and frame pointer at the usual places. */
static struct sp_cfi_row usual_row(void)
{
    return SP_ARCH_HAS_LINK_REGISTER ? row_with(SP, 32, -24, -32) : row_with(SP, 32, -8, -16);
}

static void test_pack_usual(void **state)
{
    (void)state;
    expect_packed(usual_row(), SP_FRAME_SP);
#if SP_ARCH_HAS_LINK_REGISTER
    expect_packed(row_with(SP, 0, 0, 0), SP_FRAME_SP); /* at a function's entry */
    expect_packed(row_with(SP, 16, 0, 0), SP_FRAME_SP);
    expect_packed(row_with(SP, 64, -56, -64), SP_FRAME_SP);
    expect_packed(row_with(FP, 64, -56, -64), SP_FRAME_RECORD);
    expect_packed(row_with(FP, 64, -40, -48), SP_FRAME_FP); /* the record is not where the frame pointer points */
#else
    expect_packed(row_with(SP, 8, -8, 0), SP_FRAME_SP); /* at a function's entry */
    expect_packed(row_with(SP, 16, -8, -16), SP_FRAME_SP);
    expect_packed(row_with(SP, 56, -8, -24), SP_FRAME_SP);
    expect_packed(row_with(FP, 16, -8, -16), SP_FRAME_RECORD);
    expect_packed(row_with(FP, 24, -8, -16), SP_FRAME_FP);
    expect_packed(row_with(FP, 16, -8, 0), SP_FRAME_FP);
#endif
}

static void test_pack_frame_pointer_with_the_same_value(void **state)
{
    (void)state;
    struct sp_cfi_row row = SP_ARCH_HAS_LINK_REGISTER ? row_with(SP, 32, 0, 0) : row_with(SP, 32, -8, 0);
    row.rules[FP] = SP_RULE_SAME;
    expect_packed(row, SP_FRAME_SP);
}

/* Registers that a packed rule does not carry may be saved anywhere. */
static void test_pack_whatever_other_registers_do(void **state)
{
    (void)state;
    for (uint8_t rule = 0; rule <= SP_RULE_REGISTER; rule++) {
        struct sp_cfi_row row = usual_row();
        row.rules[SOME] = rule;
        row.values[SOME] = 12345;
        expect_packed(row, SP_FRAME_SP);
    }
}

static void test_pack_limits_of_the_cfa(void **state)
{
    (void)state;
    const int64_t beyond = (int64_t)UNIT << SP_ARCH_CFA_BITS;
    struct sp_cfi_row row = usual_row();
    for (row.cfa_offset = 0; row.cfa_offset < beyond; row.cfa_offset += UNIT)
        expect_packed(row, SP_FRAME_SP);
    const int64_t others[] = {beyond,
                              2 * beyond,
                              -UNIT,
                              1,
                              UNIT / 2,
                              beyond - 1,
                              INT64_MIN,
                              INT64_MAX,
                              (int64_t)1 << 32,
                              ((int64_t)1 << 32) + UNIT};
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
        row.cfa_offset = others[i];
        expect_complex(row);
    }
}

static void test_pack_limits_of_saved_registers(void **state)
{
    (void)state;
    const int32_t highest = -16;
    for (int32_t fp = FP_LOWEST; fp <= highest; fp += 8)
        expect_packed(row_with(SP, 64, SP_ARCH_HAS_LINK_REGISTER ? fp + 8 : -8, fp), SP_FRAME_SP);
    const int32_t others[] = {FP_LOWEST - 8, FP_LOWEST - 4, highest + 4, highest + 8, 8, INT32_MIN, INT32_MAX};
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++)
        expect_complex(
            row_with(SP, 64, SP_ARCH_HAS_LINK_REGISTER ? (int32_t)((uint32_t)others[i] + 8) : -8, others[i]));
}

static void test_pack_return_address_elsewhere_is_complex(void **state)
{
    (void)state;
    static const uint8_t rules[] = {SP_RULE_VAL_OFFSET, SP_RULE_EXPRESSION, SP_RULE_VAL_EXPRESSION, SP_RULE_REGISTER};
    expect_complex(row_with(SP, 64, -16, -32));
    expect_complex(row_with(SP, 64, 8, -32));
    for (unsigned i = 0; i < sizeof rules; i++) {
        struct sp_cfi_row row = usual_row();
        row.rules[RA] = rules[i];
        expect_complex(row);
    }
    struct sp_cfi_row other = usual_row();
    other.return_column = SOME;
    expect_complex(other);
#if SP_ARCH_HAS_LINK_REGISTER
    expect_complex(row_with(SP, 64, -24, 0)); /* one of the two alone */
    expect_complex(row_with(SP, 64, 0, -32));
#else
    expect_complex(row_with(SP, 64, 0, 0));
#endif
}

static void test_pack_frame_pointer_elsewhere_is_complex(void **state)
{
    (void)state;
    static const uint8_t rules[] = {SP_RULE_UNDEFINED, SP_RULE_VAL_OFFSET, SP_RULE_EXPRESSION, SP_RULE_VAL_EXPRESSION,
                                    SP_RULE_REGISTER};
    for (unsigned i = 0; i < sizeof rules; i++) {
        struct sp_cfi_row row = usual_row();
        row.rules[FP] = rules[i];
        expect_complex(row);
    }
}

static void test_pack_stack_pointer_with_a_rule_is_complex(void **state)
{
    (void)state;
    for (uint8_t rule = SP_RULE_UNSPECIFIED + 1; rule <= SP_RULE_REGISTER; rule++) {
        struct sp_cfi_row row = usual_row();
        row.rules[SP] = rule;
        expect_complex(row);
    }
}

static void test_pack_cfa_of_another_register_is_complex(void **state)
{
    (void)state;
    for (uint16_t column = 0; column < SP_ARCH_COLUMNS; column++) {
        struct sp_cfi_row row = usual_row();
        row.cfa_register = column;
        if (column != SP && column != FP)
            expect_complex(row);
    }
}

static void test_pack_signal_frame_is_complex(void **state)
{
    (void)state;
    struct sp_cfi_row row = usual_row();
    row.is_signal_frame = true;
    expect_complex(row);
}

static void test_pack_return_address_undefined_is_last(void **state)
{
    (void)state;
    struct sp_cfi_row row = row_with(SOME, 12345, 0, 0);
    row.rules[RA] = SP_RULE_UNDEFINED;
    row.rules[SP] = SP_RULE_EXPRESSION;
    assert_int_equal(pack(&row), sp_rule_make(SP_FRAME_LAST, 0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pack_usual),
        cmocka_unit_test(test_pack_frame_pointer_with_the_same_value),
        cmocka_unit_test(test_pack_whatever_other_registers_do),
        cmocka_unit_test(test_pack_limits_of_the_cfa),
        cmocka_unit_test(test_pack_limits_of_saved_registers),
        cmocka_unit_test(test_pack_return_address_elsewhere_is_complex),
        cmocka_unit_test(test_pack_frame_pointer_elsewhere_is_complex),
        cmocka_unit_test(test_pack_stack_pointer_with_a_rule_is_complex),
        cmocka_unit_test(test_pack_cfa_of_another_register_is_complex),
        cmocka_unit_test(test_pack_signal_frame_is_complex),
        cmocka_unit_test(test_pack_return_address_undefined_is_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
