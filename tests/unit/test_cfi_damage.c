/*
 * Damaged unwind tables: nothing is read outside of their bounds, whatever they say, and what comes out can be used.
 * Pages that cannot be read lie right before and right behind them, so that a load outside ends the test.
 */
#include "handler/cfi.h"

#include "frame_tables.h"

#include "handler/frame.h"
#include "handler/rule_cache.h"

enum { FUNCTIONS = 3, FUNCTION_BYTES = 16, PLT_PC = 5, ROUNDS = 10000 };

static const uint8_t plain[] = {DW_CFA_advance_loc | 1,
                                DW_CFA_def_cfa_offset,
                                16,
                                DW_CFA_offset | SP_ARCH_FP,
                                2,
                                DW_CFA_advance_loc1,
                                3,
                                DW_CFA_def_cfa_register,
                                SP_ARCH_FP,
                                DW_CFA_remember_state,
                                DW_CFA_advance_loc | 4,
                                DW_CFA_def_cfa,
                                SP_ARCH_SP,
                                8,
                                DW_CFA_restore | 3,
                                DW_CFA_advance_loc2,
                                1,
                                0,
                                DW_CFA_restore_state};
/* Of a PLT: the CFA is 8 above the stack pointer, or 16 where the low bits of the pc are past the push. */
static const uint8_t of_plt[] = {DW_CFA_def_cfa_expression,
                                 11,
                                 0x70 + SP_ARCH_SP % 32,
                                 8,
                                 0x70 + SP_ARCH_RA,
                                 0,
                                 0x3f,
                                 0x1a,
                                 0x3b,
                                 0x2a,
                                 0x33,
                                 0x24,
                                 0x22};
/* Of a function that has realigned its stack. */
static const uint8_t realigned[] = {DW_CFA_def_cfa_expression,
                                    3,
                                    0x70 + SP_ARCH_FP,
                                    0x78,
                                    0x06,
                                    DW_CFA_expression,
                                    SP_ARCH_FP,
                                    2,
                                    0x70 + SP_ARCH_FP,
                                    0,
                                    DW_CFA_val_expression,
                                    3,
                                    1,
                                    0x33,
                                    DW_CFA_register,
                                    1,
                                    2};

static void build(struct frame_tables *t, enum index_kind index)
{
    struct cie cie = usual_cie;
    cie.augmentation = "zPLRS";
    tables_new(t, index, FUNCTIONS);
    tables_cie(t, &usual_cie);
    tables_fde(t, 0, FUNCTION_BYTES, plain, sizeof plain);
    tables_fde(t, FUNCTION_BYTES, FUNCTION_BYTES, of_plt, sizeof of_plt);
    tables_cie(t, &cie);
    tables_fde(t, 2 * FUNCTION_BYTES, FUNCTION_BYTES, realigned, sizeof realigned);
}

static void check_row(const struct sp_tables *tables, const struct sp_cfi_row *row)
{
    assert_true(row->return_column < SP_ARCH_COLUMNS && row->cfa_register < SP_ARCH_COLUMNS);
    if (row->cfa_is_expression)
        assert_true(row->cfa_offset >= 0 && row->cfa_offset <= (int64_t)(tables->high - tables->low));
    for (unsigned i = 0; i < SP_ARCH_COLUMNS; i++)
        assert_true(row->rules[i] <= SP_RULE_REGISTER);
}

/* A row is packed, and a step taken by it from registers that lead nowhere, as the walk does it. */
static void use_row(const struct sp_tables *tables, const struct sp_cfi_row *row, uintptr_t pc)
{
    static struct sp_frame frame, caller;
    struct sp_loader nothing = sp_loader_new(0, 0);
    nothing.probes_left = 0;
    const uint32_t rule = sp_rule_pack(tables, row, pc);
    assert_true(rule < 1u << SP_RULE_BITS && sp_rule_kind(rule) != SP_FRAME_UNKNOWN);
    frame.pc = pc;
    frame.known = UINT32_MAX;
    const enum sp_step step = sp_frame_step(tables, row, &nothing, &frame, &caller);
    assert_true(step <= SP_STEP_MEMORY);
}

/* Asks for an address in each function, and around them. */
static void ask(const struct sp_tables *tables)
{
    const uintptr_t code = tables->low + CODE_AHEAD;
    const uintptr_t pcs[] = {code,     code + 9,   code + FUNCTION_BYTES + PLT_PC, code + 3 * FUNCTION_BYTES - 1,
                             code - 1, UINTPTR_MAX};
    for (unsigned i = 0; i < sizeof pcs / sizeof *pcs; i++) {
        struct sp_cfi_row row;
        const enum sp_cfi_status status = sp_cfi_find(tables, pcs[i], &row);
        assert_true(status <= SP_CFI_MALFORMED);
        if (status == SP_CFI_FOUND) {
            assert_true(row.begin <= pcs[i] && pcs[i] < row.end);
            check_row(tables, &row);
            use_row(tables, &row, pcs[i]);
        }
    }
}

/* The tables at the beginning of what can be read, and at its end. */
static void ask_at_both_ends(const struct frame_tables *t, size_t bytes)
{
    struct sp_tables tables = t->tables, at_end;
    tables.high = tables.low + bytes;
    ask(&tables);
    tables_to_end(t, bytes, &at_end);
    ask(&at_end);
}

static void test_damage_none(void **state)
{
    (void)state;
    for (unsigned index = 0; index < INDEX_KINDS; index++) {
        struct frame_tables t;
        struct sp_tables moved;
        struct sp_cfi_row row;
        build(&t, (enum index_kind)index);
        tables_to_end(&t, t.used, &moved);
        for (uintptr_t i = 0; i < FUNCTIONS; i++) {
            assert_int_equal(sp_cfi_find(&moved, moved.low + CODE_AHEAD + i * FUNCTION_BYTES, &row), SP_CFI_FOUND);
            assert_int_equal(row.cfa_is_expression, i != 0);
            assert_int_equal(row.is_signal_frame, i == 2);
        }
        tables_free(&t);
    }
}

static void test_damage_cut_anywhere(void **state)
{
    (void)state;
    for (unsigned index = 0; index < INDEX_KINDS; index++) {
        struct frame_tables t;
        build(&t, (enum index_kind)index);
        for (size_t bytes = 0; bytes <= t.used; bytes++)
            ask_at_both_ends(&t, bytes);
        tables_free(&t);
    }
}

static void test_damage_of_any_byte(void **state)
{
    (void)state;
    for (unsigned index = 0; index < INDEX_KINDS; index++) {
        struct frame_tables t;
        build(&t, (enum index_kind)index);
        for (size_t at = 0; at < t.used; at++) {
            const uint8_t before = t.pages[at];
            for (unsigned i = 1; i < 256; i++) {
                t.pages[at] = (uint8_t)(before + i);
                ask_at_both_ends(&t, t.used);
            }
            t.pages[at] = before;
        }
        tables_free(&t);
    }
}

/* Several at once, and the bytes that most often mean something. */
static void test_damage_at_random(void **state)
{
    (void)state;
    static const uint8_t special[] = {0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x0b, 0x0f, 0x10, 0x16, 0x06, 0x2f};
    uint64_t random = 4711;
    for (unsigned index = 0; index < INDEX_KINDS; index++) {
        struct frame_tables t;
        uint8_t whole[TABLES_BYTES];
        build(&t, (enum index_kind)index);
        memcpy(whole, t.pages, t.used);
        for (unsigned round = 0; round < ROUNDS; round++) {
            for (unsigned i = 0; i < 1 + round % 8; i++) {
                const uint64_t r = next_random(&random);
                t.pages[(r >> 8) % t.used] = r % 2 != 0 ? (uint8_t)(r >> 40) : special[(r >> 40) % sizeof special];
            }
            ask_at_both_ends(&t, t.used);
            memcpy(t.pages, whole, t.used);
        }
        tables_free(&t);
    }
}

/* A header that is one, and behind it anything. */
static void test_damage_total(void **state)
{
    (void)state;
    uint64_t random = 815;
    struct frame_tables t;
    build(&t, INDEX_NARROW);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (size_t at = 12; at < t.used; at += 8) {
            const uint64_t r = next_random(&random);
            memcpy(t.pages + at, &r, at + 8 <= t.used ? 8 : t.used - at);
        }
        const int32_t pair[] = {CODE_AHEAD, (int32_t)(next_random(&random) % t.used)};
        memcpy(t.pages + 12, pair, sizeof pair);
        ask_at_both_ends(&t, t.used);
    }
    tables_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage_none),        cmocka_unit_test(test_damage_cut_anywhere),
        cmocka_unit_test(test_damage_of_any_byte), cmocka_unit_test(test_damage_at_random),
        cmocka_unit_test(test_damage_total),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
