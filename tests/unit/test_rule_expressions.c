/* Rows with expressions packed in words: realigned stacks and PLTs are, what only looks like them is not. */
#include "handler/rule_cache.h"

#include "frame_tables.h"

enum { SP = SP_ARCH_SP, FP = SP_ARCH_FP, RA = SP_ARCH_RA, SOME = 3, PC = 0x401000 };
enum { BREG = 0x70, DEREF = 0x06, AND = 0x1a, GE = 0x2a, PLUS = 0x22, PLUS_UCONST = 0x23, SHL = 0x24, LIT = 0x30 };

static const uint32_t complex_rule = (uint32_t)SP_FRAME_COMPLEX << SP_RULE_KIND_SHIFT;

/* A row whose CFA, and frame pointer, are expressions; the tables end right behind them. */
struct expressions {
    struct frame_tables t;
    struct sp_tables tables;
    struct sp_cfi_row row;
};

static void begin(struct expressions *it, const uint8_t *cfa, size_t cfa_bytes, const uint8_t *fp, size_t fp_bytes)
{
    tables_new(&it->t, INDEX_NO_HEADER, 0);
    it->row = (struct sp_cfi_row){.cfa_is_expression = true, .return_column = RA};
    if (!SP_ARCH_HAS_LINK_REGISTER) {
        it->row.rules[RA] = SP_RULE_OFFSET;
        it->row.values[RA] = -8;
    }
    if (fp_bytes != 0) {
        it->row.rules[FP] = SP_RULE_EXPRESSION;
        it->row.values[FP] = (int32_t)it->t.used;
        put_uleb(&it->t, fp_bytes);
        put_bytes(&it->t, fp, fp_bytes);
    }
    it->row.cfa_offset = (int64_t)it->t.used;
    put_uleb(&it->t, cfa_bytes);
    put_bytes(&it->t, cfa, cfa_bytes);
    tables_to_end(&it->t, it->t.used, &it->tables);
}

static uint32_t pack_expressions(const uint8_t *cfa, size_t cfa_bytes, const uint8_t *fp, size_t fp_bytes, uintptr_t pc)
{
    struct expressions it;
    begin(&it, cfa, cfa_bytes, fp, fp_bytes);
    const uint32_t rule = sp_rule_pack(&it.tables, &it.row, pc);
    tables_free(&it.t);
    return rule;
}

/* DRAP: the CFA is stored below the frame pointer, and the caller's frame pointer where that points. */
static void test_pack_realigned(void **state)
{
    (void)state;
    for (uint8_t words = 1; words <= 8; words++) {
        const uint8_t offset = (uint8_t)(0x80 - 8 * words);
        const uint32_t rule = pack_expressions(PROGRAM(BREG + FP, offset, DEREF), PROGRAM(BREG + FP, 0), PC);
        if (SP_ARCH_HAS_LINK_REGISTER)
            assert_int_equal(sp_rule_kind(rule), SP_FRAME_COMPLEX);
        else
            assert_int_equal(rule, sp_rule_make(SP_FRAME_REALIGNED, words, 0));
    }
}

static void test_pack_realigned_otherwise_is_complex(void **state)
{
    (void)state;
    static const struct {
        uint8_t cfa[5], cfa_bytes, fp[3], fp_bytes;
    } forms[] = {
        {{BREG + FP, 0x7c, DEREF}, 3, {BREG + FP, 0}, 2},          /* between words */
        {{BREG + FP, 0x08, DEREF}, 3, {BREG + FP, 0}, 2},          /* above */
        {{BREG + FP, 0x00, DEREF}, 3, {BREG + FP, 0}, 2},          /* at it */
        {{BREG + FP, 0xb8, 0x7f, DEREF}, 4, {BREG + FP, 0}, 2},    /* farther than 64 bytes */
        {{BREG + SOME, 0x78, DEREF}, 3, {BREG + FP, 0}, 2},        /* another register */
        {{BREG + FP, 0x78, 0x96}, 3, {BREG + FP, 0}, 2},           /* not loaded */
        {{BREG + FP, 0x78, DEREF, 0x23, 8}, 5, {BREG + FP, 0}, 2}, /* more than that */
        {{BREG + FP, 0x78, DEREF}, 3, {BREG + FP, 8}, 2},          /* the frame pointer elsewhere */
        {{BREG + FP, 0x78, DEREF}, 3, {BREG + SOME, 0}, 2},
        {{BREG + FP, 0x78, DEREF}, 3, {BREG + FP, 0, DEREF}, 3},
    };
    for (unsigned i = 0; i < sizeof forms / sizeof *forms; i++) {
        const uint32_t rule = pack_expressions(forms[i].cfa, forms[i].cfa_bytes, forms[i].fp, forms[i].fp_bytes, PC);
        assert_int_equal(rule, complex_rule);
    }
}

/* Expressions whose place or code is cut off by the tables' end, or that are nowhere. */
static void test_pack_expressions_outside_are_complex(void **state)
{
    (void)state;
    struct expressions it;
    begin(&it, PROGRAM(BREG + FP, 0x78, DEREF), PROGRAM(BREG + FP, 0));
    const int64_t cfa = it.row.cfa_offset;
    const int64_t places[] = {cfa + 1, cfa + 3, cfa + 4, cfa + 5, -1, INT32_MIN, INT32_MAX, INT64_MAX};
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        it.row.cfa_offset = places[i];
        assert_int_equal(sp_rule_kind(sp_rule_pack(&it.tables, &it.row, PC)), SP_FRAME_COMPLEX);
        it.row.cfa_offset = cfa;
        it.row.values[FP] = (int32_t)places[i];
        assert_int_equal(sp_rule_kind(sp_rule_pack(&it.tables, &it.row, PC)), SP_FRAME_COMPLEX);
        it.row.values[FP] = 0;
    }
    tables_free(&it.t);
}

/* The same of a row whose CFA alone is an expression. */
static uint32_t pack_cfa(const uint8_t *code, size_t bytes, uintptr_t pc)
{
    return pack_expressions(code, bytes, NULL, 0, pc);
}

/* For a given pc a PLT's CFA is the stack pointer and a constant. Where no column is the pc, there is no such thing. */
static void test_pack_plt(void **state)
{
    (void)state;
    for (uintptr_t pc = PC; pc < PC + 32; pc++) {
        const uint32_t rule =
            pack_cfa(PROGRAM(BREG + SP, 8, BREG + RA, 0, LIT + 15, AND, LIT + 11, GE, LIT + 3, SHL, PLUS), pc);
        const uint32_t words = pc % 16 >= 11 ? 2 : 1;
        assert_int_equal(rule, SP_ARCH_HAS_LINK_REGISTER ? complex_rule : sp_rule_make(SP_FRAME_SP, words, 0));
    }
}

static void test_pack_constant_from_the_stack_pointer(void **state)
{
    (void)state;
    assert_int_equal(pack_cfa(PROGRAM(BREG + SP, 32), PC), sp_rule_make(SP_FRAME_SP, 32 / SP_ARCH_CFA_UNIT, 0));
    assert_int_equal(pack_cfa(PROGRAM(BREG + SP, 16, PLUS_UCONST, 16), PC),
                     sp_rule_make(SP_FRAME_SP, 32 / SP_ARCH_CFA_UNIT, 0));
    assert_int_equal(pack_cfa(PROGRAM(BREG + SP, 0x70), PC), complex_rule); /* below it */
    assert_int_equal(pack_cfa(PROGRAM(BREG + SP, 4), PC), complex_rule);
}

/* What is no constant from the stack pointer, though it may be for some. */
static void test_pack_not_from_the_stack_pointer_alone_is_complex(void **state)
{
    (void)state;
    assert_int_equal(pack_cfa(PROGRAM(BREG + FP, 32), PC), complex_rule);
    assert_int_equal(pack_cfa(PROGRAM(BREG + SOME, 32), PC), complex_rule);
    assert_int_equal(pack_cfa(PROGRAM(LIT + 16), PC), complex_rule);
    assert_int_equal(pack_cfa(PROGRAM(BREG + SP, 0, DEREF), PC), complex_rule);
    assert_int_equal(pack_cfa(PROGRAM(BREG + SP, 0, LIT + 1, SHL), PC), complex_rule);
    /* Rounded down: the same as sp + 16 where that is aligned already. */
    for (uint8_t align = 16; align < 64; align *= 2)
        assert_int_equal(pack_cfa(PROGRAM(BREG + SP, 0, 0x09, (uint8_t)-align, AND, PLUS_UCONST, 16), PC),
                         complex_rule);
}

/* No memory at all is there for a CFA that is to be packed, least of all at address 0. */
static void test_pack_cfa_from_memory_loads_none(void **state)
{
    (void)state;
    for (uint8_t low = 0; low < 32; low++)
        assert_int_equal(pack_cfa(PROGRAM(LIT + low, DEREF, BREG + SP, 0, PLUS), PC), complex_rule);
    assert_int_equal(pack_cfa(PROGRAM(BREG + SP, 16, LIT + 16, 0x94, 1, PLUS), PC), complex_rule);
    /* Memory that is there now: the number in it may be another the next time. */
    static const uint64_t sixteen = 16;
    const uintptr_t place = (uintptr_t)&sixteen;
    uint8_t code[] = {BREG + SP, 0, 0x03, 0, 0, 0, 0, 0, 0, 0, 0, DEREF, PLUS};
    memcpy(code + 3, &place, sizeof place);
    assert_int_equal(pack_cfa(code, sizeof code, PC), complex_rule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pack_realigned),
        cmocka_unit_test(test_pack_realigned_otherwise_is_complex),
        cmocka_unit_test(test_pack_expressions_outside_are_complex),
        cmocka_unit_test(test_pack_plt),
        cmocka_unit_test(test_pack_constant_from_the_stack_pointer),
        cmocka_unit_test(test_pack_not_from_the_stack_pointer_alone_is_complex),
        cmocka_unit_test(test_pack_cfa_from_memory_loads_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
