/* DWARF expressions: what each operation does. */
#include "handler/dwarf_expression.h"

#include "expressions.h"

static void test_constants(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < 32; i++)
        expect(i, PROGRAM(LIT + i));
    expect(0x7877665544332211, PROGRAM(ADDR, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x78));
    expect(0xfe, PROGRAM(CONST1U, 0xfe));
    expect(-2, PROGRAM(CONST1S, 0xfe));
    expect(0xfedc, PROGRAM(CONST2U, 0xdc, 0xfe));
    expect(-292, PROGRAM(CONST2S, 0xdc, 0xfe));
    expect(0xfedcba98, PROGRAM(CONST4U, 0x98, 0xba, 0xdc, 0xfe));
    expect(-0x1234568, PROGRAM(CONST4S, 0x98, 0xba, 0xdc, 0xfe));
    expect(-2, PROGRAM(CONST8U, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff));
    expect(INT64_MIN, PROGRAM(INT64_LEAST));
    expect(0x3fff, PROGRAM(CONSTU, 0xff, 0x7f));
    expect(-1, PROGRAM(CONSTS, 0xff, 0x7f));
    expect(-0x80, PROGRAM(CONSTS, 0x80, 0x7f));
    expect(-1, PROGRAM(CONSTU, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1));
}

static void test_stack_operations(void **state)
{
    (void)state;
    expect(14, PROGRAM(LIT + 7, DUP, PLUS));
    expect(7, PROGRAM(LIT + 7, LIT + 9, DROP));
    expect(7, PROGRAM(LIT + 7, LIT + 9, OVER));
    expect(9, PROGRAM(LIT + 7, LIT + 9, OVER, DROP));
    expect(2, PROGRAM(LIT + 7, LIT + 9, SWAP, MINUS));
    expect(3, PROGRAM(LIT + 1, LIT + 2, LIT + 3, PICK, 0));
    expect(1, PROGRAM(LIT + 1, LIT + 2, LIT + 3, PICK, 2));
    /* rot of {1, 2, 3}, 3 on top: 3 goes under the two others. */
    expect(2, PROGRAM(LIT + 1, LIT + 2, LIT + 3, ROT));
    expect(1, PROGRAM(LIT + 1, LIT + 2, LIT + 3, ROT, DROP));
    expect(3, PROGRAM(LIT + 1, LIT + 2, LIT + 3, ROT, DROP, DROP));
    expect(5, PROGRAM(NOP, LIT + 5, NOP));
}

static void test_arithmetic(void **state)
{
    (void)state;
    expect(5, PROGRAM(LIT + 7, LIT + 13, AND));
    expect(15, PROGRAM(LIT + 7, LIT + 13, OR));
    expect(10, PROGRAM(LIT + 7, LIT + 13, XOR));
    expect(20, PROGRAM(LIT + 7, LIT + 13, PLUS));
    expect(-6, PROGRAM(LIT + 7, LIT + 13, MINUS));
    expect(91, PROGRAM(LIT + 7, LIT + 13, MUL));
    expect(-7, PROGRAM(LIT + 7, NEG));
    expect(-8, PROGRAM(LIT + 7, NOT));
    expect(7, PROGRAM(CONST1S, 0xf9, ABS));
    expect(7, PROGRAM(LIT + 7, ABS));
    expect(INT64_MIN, PROGRAM(INT64_LEAST, ABS));
    expect(INT64_MIN, PROGRAM(INT64_LEAST, NEG));
    expect(0x87, PROGRAM(LIT + 7, PLUS_UCONST, 0x80, 1));
    expect(6, PROGRAM(LIT + 7, PLUS_UCONST, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1));
}

/* Division has signs, the remainder has none. */
static void test_division(void **state)
{
    (void)state;
    expect(-3, PROGRAM(CONST1S, 0xf9, LIT + 2, DIV));
    expect(-3, PROGRAM(LIT + 7, CONST1S, 0xfe, DIV));
    expect(1, PROGRAM(LIT + 7, LIT + 2, MOD));
    expect(5, PROGRAM(MINUS_1, LIT + 10, MOD)); /* of 2⁶⁴ - 1 */
    expect(7, PROGRAM(LIT + 7, MINUS_1, MOD));
    expect(INT64_MIN, PROGRAM(INT64_LEAST, MINUS_1, MOD));
    expect(INT64_MIN, PROGRAM(INT64_LEAST, LIT + 1, DIV));
    expect_failure(PROGRAM(LIT + 7, LIT + 0, DIV));
    expect_failure(PROGRAM(LIT + 7, LIT + 0, MOD));
    expect_failure(PROGRAM(INT64_LEAST, MINUS_1, DIV)); /* 2⁶³ does not fit; a CPU would fault */
}

static void test_shifts(void **state)
{
    (void)state;
    expect(0x700, PROGRAM(LIT + 7, LIT + 8, SHL));
    expect(INT64_MIN, PROGRAM(LIT + 1, CONST1U, 63, SHL));
    expect(1, PROGRAM(INT64_LEAST, CONST1U, 63, SHR));
    expect(-1, PROGRAM(INT64_LEAST, CONST1U, 63, SHRA));
    expect(-2, PROGRAM(CONST1S, 0xf9, LIT + 2, SHRA));
    expect(3, PROGRAM(LIT + 13, LIT + 2, SHRA));
}

/* A CPU would take the count modulo 64. */
static void test_shifts_by_a_word_or_more(void **state)
{
    (void)state;
    static const uint8_t counts[][2] = {{CONST1U, 64}, {CONST1U, 65}, {CONST1U, 128}, {MINUS_1}};
    for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++) {
        expect(0, PROGRAM(LIT + 7, counts[i][0], counts[i][1], SHL));
        expect(0, PROGRAM(MINUS_1, counts[i][0], counts[i][1], SHR));
        expect(-1, PROGRAM(CONST1S, 0xf9, counts[i][0], counts[i][1], SHRA));
        expect(0, PROGRAM(LIT + 7, counts[i][0], counts[i][1], SHRA));
    }
}

static void test_comparisons_have_signs(void **state)
{
    (void)state;
    static const struct {
        uint8_t operation;
        bool of_less, of_equal, of_more;
    } comparisons[] = {{EQ, 0, 1, 0}, {GE, 0, 1, 1}, {GT, 0, 0, 1}, {LE, 1, 1, 0}, {LT, 1, 0, 0}, {NE, 1, 0, 1}};
    for (unsigned i = 0; i < sizeof comparisons / sizeof *comparisons; i++) {
        const uint8_t operation = comparisons[i].operation;
        expect(comparisons[i].of_less, PROGRAM(MINUS_1, LIT + 1, operation));
        expect(comparisons[i].of_less, PROGRAM(LIT + 1, LIT + 2, operation));
        expect(comparisons[i].of_equal, PROGRAM(MINUS_1, MINUS_1, operation));
        expect(comparisons[i].of_more, PROGRAM(LIT + 1, MINUS_1, operation));
    }
}

static void test_registers(void **state)
{
    (void)state;
    expect(5000, PROGRAM(BREG + 5, 0));
    expect(5016, PROGRAM(BREG + 5, 16));
    expect(4984, PROGRAM(BREG + 5, 0x70));
    expect(1000 * (SP_ARCH_COLUMNS - 1), PROGRAM(BREG + SP_ARCH_COLUMNS - 1, 0));
    expect(5000 - 128, PROGRAM(BREGX, 0x85, 0, 0x80, 0x7f)); /* a number padded to two bytes */
}

static void test_registers_unknown(void **state)
{
    (void)state;
    expect_failure(PROGRAM(BREG + UNKNOWN, 0));
    expect_failure(PROGRAM(BREGX, UNKNOWN, 0));
    expect_failure(PROGRAM(BREGX, SP_ARCH_COLUMNS, 0));
    expect_failure(PROGRAM(BREGX, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0));
#if SP_ARCH_COLUMNS < 32
    expect_failure(PROGRAM(BREG + SP_ARCH_COLUMNS, 0));
    expect_failure(PROGRAM(BREG + 31, 0));
#endif
}

static void test_memory(void **state)
{
    (void)state;
    expect((int64_t)memory[0], PROGRAM(BREG + KNOWN, 0, DEREF));
    expect((int64_t)memory[1], PROGRAM(BREG + KNOWN, 8, DEREF));
    expect(0x0011223344556677, PROGRAM(BREG + KNOWN, 1, DEREF)); /* unaligned */
    expect(0x88, PROGRAM(BREG + KNOWN, 0, DEREF_SIZE, 1));
    expect(0x7788, PROGRAM(BREG + KNOWN, 0, DEREF_SIZE, 2));
    expect(0x55667788, PROGRAM(BREG + KNOWN, 0, DEREF_SIZE, 4));
    expect(0x22334455667788, PROGRAM(BREG + KNOWN, 0, DEREF_SIZE, 7));
    expect((int64_t)memory[1], PROGRAM(BREG + KNOWN, 8, DEREF_SIZE, 8));
    expect_failure(PROGRAM(BREG + KNOWN, 0, DEREF_SIZE, 0));
    expect_failure(PROGRAM(BREG + KNOWN, 0, DEREF_SIZE, 9));
}

static void test_jumps(void **state)
{
    (void)state;
    expect(7, PROGRAM(LIT + 7, SKIP, 1, 0, LIT + 9));
    expect(9, PROGRAM(LIT + 7, SKIP, 0, 0, LIT + 9));
    expect(9, PROGRAM(LIT + 7, LIT + 0, BRA, 1, 0, LIT + 9));
    expect(7, PROGRAM(LIT + 7, LIT + 1, BRA, 1, 0, LIT + 9));
    expect(7, PROGRAM(LIT + 7, MINUS_1, BRA, 1, 0, LIT + 9));
    /* 5 + 4 + 3 + 2 + 1, in a loop: {sum, n} becomes {sum + n, n - 1} while n is not 0. */
    expect(15, PROGRAM(LIT + 0, LIT + 5, DUP, ROT, PLUS, SWAP, LIT + 1, MINUS, DUP, BRA, 0xf6, 0xff, DROP));
}

static void test_encoded_address(void **state)
{
    (void)state;
    expect(0x1234, PROGRAM(ENCODED_ADDR, SP_PE_UDATA2, 0x34, 0x12));
    expect(-2, PROGRAM(ENCODED_ADDR, SP_PE_SDATA4, 0xfe, 0xff, 0xff, 0xff));
    expect_failure(PROGRAM(ENCODED_ADDR, 0x0f, 0, 0, 0, 0, 0, 0, 0, 0));
}

static void test_first_word_is_on_the_stack(void **state)
{
    (void)state;
    const uintptr_t first = 77;
    uintptr_t result = 0;
    assert_true(evaluate(PROGRAM(NOP), &first, &result));
    assert_int_equal(result, 77);
    assert_true(evaluate(PROGRAM(LIT + 7, MINUS), &first, &result));
    assert_int_equal(result, 70);
    assert_false(evaluate(PROGRAM(DROP), &first, &result));
}

/* What ld writes for .plt: behind the push, which ends 11 bytes into each entry of 16, the CFA is a word farther. */
static void test_expression_of_a_plt(void **state)
{
    (void)state;
    enum { PLT_SP = SP_ARCH_SP, PLT_PC = SP_ARCH_RA };
    struct frame_tables t;
    struct sp_frame frame = {.known = 1u << PLT_SP | 1u << PLT_PC};
    struct sp_loader loader = sp_loader_new(0, 0);
    tables_new(&t, INDEX_NO_HEADER, 0);
    put_bytes(&t, PROGRAM(11, BREG + PLT_SP, 8, BREG + PLT_PC, 0, LIT + 15, AND, LIT + 11, GE, LIT + 3, SHL, PLUS));
    tables_bound(&t);
    frame.columns[PLT_SP] = 0x7000;
    for (uintptr_t pc = 0x401020; pc < 0x401040; pc++) {
        uintptr_t cfa = 0;
        frame.columns[PLT_PC] = pc;
        assert_true(sp_expression_evaluate(&t.tables, 0, &frame, &loader, NULL, &cfa));
        assert_int_equal(cfa, 0x7000 + (pc % 16 >= 11 ? 16 : 8));
    }
    tables_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_stack_operations),
        cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_division),
        cmocka_unit_test(test_shifts),
        cmocka_unit_test(test_shifts_by_a_word_or_more),
        cmocka_unit_test(test_comparisons_have_signs),
        cmocka_unit_test(test_registers),
        cmocka_unit_test(test_registers_unknown),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_jumps),
        cmocka_unit_test(test_encoded_address),
        cmocka_unit_test(test_first_word_is_on_the_stack),
        cmocka_unit_test(test_expression_of_a_plt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
