/* remember_state and restore_state: a row behind them is what it was before, however they nest. */
#include "handler/cfi.h"

#include "frame_tables.h"

enum { FUNCTION_BYTES = 0x800, SP = SP_ARCH_SP, FP = SP_ARCH_FP, SOME = 3, MODEL_DEPTH = 16 };
enum { ADVANCE = DW_CFA_advance_loc, REMEMBER = DW_CFA_remember_state, RESTORE = DW_CFA_restore_state };

static enum sp_cfi_status find(const uint8_t *program, size_t bytes, uintptr_t offset, struct sp_cfi_row *row)
{
    struct frame_tables t;
    tables_new(&t, INDEX_NARROW, 1);
    tables_cie(&t, &usual_cie);
    tables_fde(&t, 0, FUNCTION_BYTES, program, bytes);
    const enum sp_cfi_status status = sp_cfi_find(&t.tables, tables_code(&t) + offset, row);
    tables_free(&t);
    return status;
}

static void expect_cfa(const uint8_t *program, size_t bytes, uintptr_t offset, uint16_t column, int64_t cfa_offset)
{
    struct sp_cfi_row row;
    assert_int_equal(find(program, bytes, offset, &row), SP_CFI_FOUND);
    assert_false(row.cfa_is_expression);
    assert_int_equal(row.cfa_register, column);
    assert_int_equal(row.cfa_offset, cfa_offset);
}

/* CFA = sp + these at addresses 0, 1, 2, … */
static void expect_offsets(const uint8_t *program, size_t bytes, const int64_t *offsets, size_t n)
{
    for (size_t at = 0; at < n; at++)
        expect_cfa(program, bytes, at, SP, offsets[at]);
}
#define OFFSETS(...) (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)

/* An early return in the middle of a function: what compilers make of it. */
static void test_state_restored_is_the_one_remembered(void **state)
{
    (void)state;
    expect_offsets(PROGRAM(ADVANCE | 1, DW_CFA_def_cfa_offset, 16, ADVANCE | 1, REMEMBER, DW_CFA_def_cfa_offset, 8,
                           ADVANCE | 1, RESTORE, ADVANCE | 1, DW_CFA_def_cfa_offset, 24),
                   OFFSETS(8, 16, 8, 16, 24, 24));
}

static void test_state_restored_has_its_rules(void **state)
{
    (void)state;
    struct sp_cfi_row row;
    const uint8_t program[] = {
        DW_CFA_offset | SOME, 2,           REMEMBER, DW_CFA_same_value,          SOME, DW_CFA_undefined,
        SP_ARCH_RA,           ADVANCE | 1, RESTORE,  DW_CFA_offset | SP_ARCH_FP, 3};
    assert_int_equal(find(program, sizeof program, 0, &row), SP_CFI_FOUND);
    assert_int_equal(row.rules[SOME], SP_RULE_SAME);
    assert_int_equal(row.rules[SP_ARCH_RA], SP_RULE_UNDEFINED);
    assert_int_equal(find(program, sizeof program, 1, &row), SP_CFI_FOUND);
    assert_int_equal(row.rules[SOME], SP_RULE_OFFSET);
    assert_int_equal(row.values[SOME], -16);
    assert_int_equal(row.rules[SP_ARCH_RA], SP_RULE_OFFSET);
    assert_int_equal(row.rules[FP], SP_RULE_OFFSET);
}

static void test_state_restored_has_its_cfa_s_kind(void **state)
{
    (void)state;
    struct sp_cfi_row row;
    const uint8_t to_register[] = {REMEMBER, DW_CFA_def_cfa_expression, 1, 0x30, ADVANCE | 1, RESTORE};
    expect_cfa(to_register, sizeof to_register, 1, SP, 8);
    const uint8_t to_expression[] = {
        DW_CFA_def_cfa_expression, 1, 0x30, REMEMBER, DW_CFA_def_cfa, FP, 16, ADVANCE | 1, RESTORE};
    expect_cfa(to_expression, sizeof to_expression, 0, FP, 16);
    assert_int_equal(find(to_expression, sizeof to_expression, 1, &row), SP_CFI_FOUND);
    assert_true(row.cfa_is_expression);
}

static void test_states_nested(void **state)
{
    (void)state;
    expect_offsets(PROGRAM(REMEMBER, DW_CFA_def_cfa_offset, 16, ADVANCE | 1, REMEMBER, DW_CFA_def_cfa_offset, 24,
                           ADVANCE | 1, RESTORE, ADVANCE | 1, REMEMBER, DW_CFA_def_cfa_offset, 32, ADVANCE | 1, RESTORE,
                           ADVANCE | 1, RESTORE, ADVANCE | 1),
                   OFFSETS(16, 24, 16, 32, 16, 8, 8));
}

static void test_states_one_after_another(void **state)
{
    (void)state;
    expect_offsets(PROGRAM(DW_CFA_def_cfa_offset, 16, REMEMBER, ADVANCE | 1, DW_CFA_def_cfa_offset, 8, ADVANCE | 1,
                           RESTORE, REMEMBER, ADVANCE | 1, DW_CFA_def_cfa_offset, 24, ADVANCE | 1, RESTORE, REMEMBER,
                           RESTORE, ADVANCE | 1),
                   OFFSETS(16, 8, 16, 24, 16, 16));
}

/* Whatever stands behind the address has no say, be it a restore_state or nonsense. */
static void test_state_restored_beyond_the_address_is_not_reached(void **state)
{
    (void)state;
    const uint8_t program[] = {REMEMBER, DW_CFA_def_cfa_offset, 16,      ADVANCE | 1, DW_CFA_def_cfa_offset,
                               24,       ADVANCE | 1,           RESTORE, ADVANCE | 1, 0x3f};
    expect_offsets(program, sizeof program, OFFSETS(16, 24, 8));
}

static void test_state_never_restored_changes_nothing(void **state)
{
    (void)state;
    expect_offsets(PROGRAM(REMEMBER, DW_CFA_def_cfa_offset, 16, ADVANCE | 1, REMEMBER, DW_CFA_def_cfa_offset, 24),
                   OFFSETS(16, 24, 24));
}

static void test_state_restored_without_one_is_malformed(void **state)
{
    (void)state;
    struct sp_cfi_row row;
    assert_int_equal(find(PROGRAM(RESTORE), 0, &row), SP_CFI_MALFORMED);
    assert_int_equal(find(PROGRAM(REMEMBER, RESTORE, RESTORE), 0, &row), SP_CFI_MALFORMED);
    const uint8_t later[] = {ADVANCE | 1, RESTORE};
    assert_int_equal(find(later, sizeof later, 0, &row), SP_CFI_FOUND);
    assert_int_equal(find(later, sizeof later, 1, &row), SP_CFI_MALFORMED);
}

/* A row is not kept for each, so that they may nest deeper than any handler's stack. */
static void test_states_nested_deeply(void **state)
{
    (void)state;
    enum { NESTED = 100 };
    uint8_t program[6 * NESTED];
    size_t n = 0;
    for (uint8_t i = 0; i < NESTED; i++) {
        const uint8_t one[] = {REMEMBER, DW_CFA_def_cfa_offset, (uint8_t)(16 + i), ADVANCE | 1};
        memcpy(program + n, one, sizeof one);
        n += sizeof one;
    }
    for (unsigned i = 0; i < NESTED; i++, n += 2) {
        program[n] = RESTORE;
        program[n + 1] = ADVANCE | 1;
    }
    for (uintptr_t i = 0; i < NESTED; i++)
        expect_cfa(program, n, i, SP, 16 + (int64_t)i);
    for (uintptr_t i = 0; i + 1 < NESTED; i++) /* i + 1 of them are restored */
        expect_cfa(program, n, NESTED + i, SP, 16 + (int64_t)(NESTED - 2 - i));
    expect_cfa(program, n, 2 * NESTED - 1, SP, 8);
}

/* Looking ahead at each of them takes steps, which are bounded. */
static void test_states_without_end_take_bounded_steps(void **state)
{
    (void)state;
    struct sp_cfi_row row;
    uint8_t program[3000];
    memset(program, REMEMBER, sizeof program);
    assert_int_equal(find(program, sizeof program, 0, &row), SP_CFI_MALFORMED);
}

/* The plain way, with a stack of states, of a program that has only these instructions. False: unbalanced. */
static bool run_model(const uint8_t *program, size_t bytes, uintptr_t to, uint8_t *offset)
{
    uint8_t stack[MODEL_DEPTH];
    unsigned depth = 0;
    uintptr_t location = 0;
    *offset = 8;
    for (size_t i = 0; i < bytes; i++) {
        if (program[i] == REMEMBER) {
            stack[depth++] = *offset;
        } else if (program[i] == RESTORE) {
            if (depth == 0)
                return false;
            *offset = stack[--depth];
        } else if (program[i] == DW_CFA_def_cfa_offset) {
            *offset = program[++i];
        } else {
            location += program[i] & 0x3f;
            if (location > to)
                return true;
        }
    }
    return true;
}

static size_t random_program(uint64_t *random, uint8_t *program, size_t limit)
{
    size_t n = 0;
    unsigned depth = 0;
    while (n + 2 < limit) {
        const uint64_t r = next_random(random);
        if (r % 4 == 0 && depth < MODEL_DEPTH) {
            program[n++] = REMEMBER;
            depth++;
        } else if (r % 4 == 1 && (depth > 0 || r % 64 == 1)) {
            program[n++] = RESTORE;
            depth -= depth > 0;
        } else if (r % 4 == 2) {
            program[n++] = DW_CFA_def_cfa_offset;
            program[n++] = (uint8_t)(r >> 8 & 0x7f);
        } else {
            program[n++] = (uint8_t)(ADVANCE | (r >> 8 & 3));
        }
    }
    return n;
}

static void test_states_at_random_are_as_with_a_stack_of_them(void **state)
{
    (void)state;
    uint64_t random = 20261124;
    uint8_t program[60];
    for (unsigned round = 0; round < 300; round++) {
        const size_t n = random_program(&random, program, sizeof program);
        for (uintptr_t at = 0; at < 40; at++) {
            uint8_t offset;
            struct sp_cfi_row row;
            const bool is_balanced = run_model(program, n, at, &offset);
            assert_int_equal(find(program, n, at, &row), is_balanced ? SP_CFI_FOUND : SP_CFI_MALFORMED);
            if (is_balanced)
                assert_int_equal(row.cfa_offset, offset);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_restored_is_the_one_remembered),
        cmocka_unit_test(test_state_restored_has_its_rules),
        cmocka_unit_test(test_state_restored_has_its_cfa_s_kind),
        cmocka_unit_test(test_states_nested),
        cmocka_unit_test(test_states_one_after_another),
        cmocka_unit_test(test_state_restored_beyond_the_address_is_not_reached),
        cmocka_unit_test(test_state_never_restored_changes_nothing),
        cmocka_unit_test(test_state_restored_without_one_is_malformed),
        cmocka_unit_test(test_states_nested_deeply),
        cmocka_unit_test(test_states_without_end_take_bounded_steps),
        cmocka_unit_test(test_states_at_random_are_as_with_a_stack_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
