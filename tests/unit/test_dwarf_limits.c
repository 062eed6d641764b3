/* DWARF expressions at their limits: stack, memory, loops, and code that is cut or leads out of itself. */
#include "handler/dwarf_expression.h"

#include "expressions.h"

enum { STACK_WORDS = 16 };

static void test_memory_that_is_not_there(void **state)
{
    (void)state;
    expect_failure(PROGRAM(LIT + 0, DEREF));
    expect_failure(PROGRAM(LIT + 8, DEREF_SIZE, 1));
    expect_failure(PROGRAM(MINUS_1, DEREF));
    expect_failure(PROGRAM(MINUS_1, DEREF_SIZE, 1));
    expect_failure(PROGRAM(INT64_LEAST, DEREF));
}

/* The last word of what a page's probe has vouched for, and the next, half of which is beyond it. */
static void test_memory_at_the_edge_of_a_page(void **state)
{
    (void)state;
    struct frame_tables t;
    struct sp_frame frame = {.known = 1u << KNOWN};
    struct sp_loader loader = sp_loader_new(0, 0);
    uintptr_t result = 0xdead;
    tables_new(&t, INDEX_NO_HEADER, 0);
    put_bytes(&t, PROGRAM(3, BREG + KNOWN, 0, DEREF));
    tables_bound(&t);
    frame.columns[KNOWN] = (uintptr_t)t.pages + TABLES_BYTES - 8;
    assert_true(sp_expression_evaluate(&t.tables, 0, &frame, &loader, NULL, &result));
    assert_int_equal(result, 0);
    frame.columns[KNOWN]++;
    assert_false(sp_expression_evaluate(&t.tables, 0, &frame, &loader, NULL, &result));
    frame.columns[KNOWN] = (uintptr_t)t.pages - 1;
    assert_false(sp_expression_evaluate(&t.tables, 0, &frame, &loader, NULL, &result));
    tables_free(&t);
}

static void test_jumps_out_of_the_code(void **state)
{
    (void)state;
    expect(7, PROGRAM(LIT + 7, SKIP, 1, 0, DROP)); /* to the end: still inside */
    expect_failure(PROGRAM(LIT + 7, SKIP, 1, 0));
    expect_failure(PROGRAM(LIT + 7, SKIP, 0xff, 0x7f));
    expect_failure(PROGRAM(LIT + 7, SKIP, 0xfb, 0xff)); /* to the byte before the first */
    expect_failure(PROGRAM(LIT + 7, SKIP, 0, 0x80));
    expect_failure(PROGRAM(LIT + 7, DUP, BRA, 0, 0x80));
    expect(7, PROGRAM(LIT + 7, LIT + 0, BRA, 0, 0x80)); /* not taken */
}

static void test_loops_without_end_are_bounded(void **state)
{
    (void)state;
    expect_failure(PROGRAM(SKIP, 0xfd, 0xff));
    expect_failure(PROGRAM(LIT + 1, BRA, 0xfc, 0xff));
    expect_failure(PROGRAM(LIT + 1, DUP, BRA, 0xfc, 0xff));
}

static void test_stack_full(void **state)
{
    (void)state;
    uint8_t code[STACK_WORDS + 1];
    memset(code, LIT + 1, sizeof code);
    expect(1, code, STACK_WORDS);
    expect_failure(code, STACK_WORDS + 1);
    code[STACK_WORDS] = DUP;
    expect_failure(code, STACK_WORDS + 1);
    code[STACK_WORDS] = PLUS;
    expect(2, code, STACK_WORDS + 1);
}

static void test_stack_empty(void **state)
{
    (void)state;
    static const uint8_t of_one[] = {DUP, DROP, DEREF, ABS, NEG, NOT};
    static const uint8_t of_two[] = {OVER, SWAP, AND, DIV, MINUS, MOD, MUL, OR, PLUS, SHL,
                                     SHR,  SHRA, XOR, EQ,  GE,    GT,  LE,  LT, NE};
    expect_failure((const uint8_t[]){NOP}, 0);
    expect_failure(PROGRAM(NOP));
    for (unsigned i = 0; i < sizeof of_one; i++)
        expect_failure(PROGRAM(of_one[i], LIT + 1));
    for (unsigned i = 0; i < sizeof of_two; i++) {
        expect_failure(PROGRAM(of_two[i], LIT + 1));
        expect_failure(PROGRAM(LIT + 1, of_two[i], LIT + 1));
    }
    expect_failure(PROGRAM(LIT + 1, LIT + 2, ROT));
    expect_failure(PROGRAM(PICK, 0, LIT + 1));
    expect_failure(PROGRAM(LIT + 1, PICK, 1));
    expect_failure(PROGRAM(LIT + 1, PICK, 0xff));
    expect_failure(PROGRAM(BRA, 0, 0, LIT + 1));
    expect_failure(PROGRAM(PLUS_UCONST, 1));
    expect_failure(PROGRAM(DEREF_SIZE, 1));
    expect_failure(PROGRAM(LIT + 1, DROP));
}

/* What asks for a frame base, an object, or a place that is no address. */
static void test_operations_that_make_no_sense_here(void **state)
{
    (void)state;
    static const uint8_t operations[] = {0,     0x01,  0x02, 0x04,           0x05, 0x18, REG,  REG + 31, 0x90,
                                         FBREG, PIECE, 0x95, CALL_FRAME_CFA, 0x97, 0x98, 0xe0, 0xf0,     0xff};
    for (unsigned i = 0; i < sizeof operations; i++)
        expect_failure(PROGRAM(LIT + 1, LIT + 1, operations[i], 0, 0, 0, 0, 0, 0, 0, 0, LIT + 1));
}

/* The length says where the code ends; the tables' end says how long it may be. */
static void test_code_is_bounded(void **state)
{
    (void)state;
    struct frame_tables t;
    struct sp_tables tables;
    struct sp_frame frame = {.known = 0};
    struct sp_loader loader = sp_loader_new(0, 0);
    uintptr_t result;
    tables_new(&t, INDEX_NO_HEADER, 0);
    put_bytes(&t, PROGRAM(1, LIT + 7, LIT + 9));
    tables_to_end(&t, t.used, &tables);
    assert_true(sp_expression_evaluate(&tables, 0, &frame, &loader, NULL, &result));
    assert_int_equal(result, 7);
    for (unsigned bytes = 3; bytes < 256; bytes++) {
        *(uint8_t *)tables.low = (uint8_t)bytes;
        assert_false(sp_expression_evaluate(&tables, 0, &frame, &loader, NULL, &result));
    }
    const int64_t places[] = {3, 4, -1, INT64_MIN, INT64_MAX};
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++)
        assert_false(sp_expression_evaluate(&tables, places[i], &frame, &loader, NULL, &result));
    tables_free(&t);
}

static void test_operands_cut_short(void **state)
{
    (void)state;
    static const uint8_t operations[] = {CONST1U, CONST1S,     CONST2U,  CONST2S,   CONST4U, CONST4S,
                                         CONST8U, CONST8S,     ADDR,     CONSTU,    CONSTS,  PICK,
                                         SKIP,    PLUS_UCONST, BREG + 5, DEREF_SIZE};
    for (unsigned i = 0; i < sizeof operations; i++)
        expect_failure(PROGRAM(LIT + 1, LIT + 1, operations[i]));
    expect_failure(PROGRAM(CONST8U, 0, 0, 0, 0, 0, 0, 0));
    expect_failure(PROGRAM(BREGX, 5));
    expect_failure(PROGRAM(CONSTU, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80));
}

/* Any code at all ends, and reads nothing that is not there: the pages around it would fault. */
static void test_code_at_random(void **state)
{
    (void)state;
    enum { ROUNDS = 20000 };
    uint64_t random = 1742;
    uint8_t code[24];
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < sizeof code; i++) {
            const uint64_t r = next_random(&random) >> 8;
            code[i] = (uint8_t)(r % 4 != 0 ? r >> 8 & 0x3f : r >> 8);
        }
        const uintptr_t first = (uintptr_t)memory;
        uintptr_t result;
        evaluate(code, 1 + round % sizeof code, &first, &result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_that_is_not_there),
        cmocka_unit_test(test_memory_at_the_edge_of_a_page),
        cmocka_unit_test(test_jumps_out_of_the_code),
        cmocka_unit_test(test_loops_without_end_are_bounded),
        cmocka_unit_test(test_stack_full),
        cmocka_unit_test(test_stack_empty),
        cmocka_unit_test(test_operations_that_make_no_sense_here),
        cmocka_unit_test(test_code_is_bounded),
        cmocka_unit_test(test_operands_cut_short),
        cmocka_unit_test(test_code_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
