/* DWARF expressions as bytes, evaluated right before memory that cannot be read. */
#ifndef SIGPROF_TESTS_EXPRESSIONS_H
#define SIGPROF_TESTS_EXPRESSIONS_H

#include "frame_tables.h"

#include "handler/dwarf_expression.h"

/* DWARF 5, table 7.9. */
enum {
    ADDR = 0x03,
    DEREF = 0x06,
    CONST1U = 0x08,
    CONST1S,
    CONST2U,
    CONST2S,
    CONST4U,
    CONST4S,
    CONST8U,
    CONST8S,
    CONSTU,
    CONSTS,
    DUP,
    DROP,
    OVER,
    PICK,
    SWAP,
    ROT,
    XDEREF,
    ABS,
    AND,
    DIV,
    MINUS,
    MOD,
    MUL,
    NEG,
    NOT,
    OR,
    PLUS,
    PLUS_UCONST,
    SHL,
    SHR,
    SHRA,
    XOR,
    BRA,
    EQ,
    GE,
    GT,
    LE,
    LT,
    NE,
    SKIP,
    LIT = 0x30,
    REG = 0x50,
    BREG = 0x70,
    REGX = 0x90,
    FBREG,
    BREGX,
    PIECE,
    DEREF_SIZE,
    NOP = 0x96,
    CALL_FRAME_CFA = 0x9c,
    ENCODED_ADDR = 0xf1,
};
enum { KNOWN = 3, UNKNOWN = 4 };

static const uint64_t memory[3] = {0x1122334455667788, 0x99aabbccddeeff00, 0};

#define MINUS_1 CONST1S, 0xff
#define INT64_LEAST CONST8S, 0, 0, 0, 0, 0, 0, 0, 0x80

static inline bool evaluate(const uint8_t *code, size_t bytes, const uintptr_t *first, uintptr_t *result)
{
    struct frame_tables t;
    struct sp_tables tables;
    struct sp_frame frame = {.known = UINT32_MAX & ~(1u << UNKNOWN)};
    struct sp_loader loader = sp_loader_new((uintptr_t)memory, (uintptr_t)memory + sizeof memory);
    for (unsigned i = 0; i < SP_ARCH_COLUMNS; i++)
        frame.columns[i] = 1000 * i;
    frame.columns[KNOWN] = (uintptr_t)memory;
    tables_new(&t, INDEX_NO_HEADER, 0);
    put_uleb(&t, bytes);
    put_bytes(&t, code, bytes);
    tables_to_end(&t, t.used, &tables);
    const bool is_good = sp_expression_evaluate(&tables, 0, &frame, &loader, first, result);
    tables_free(&t);
    return is_good;
}

static inline void expect(int64_t value, const uint8_t *code, size_t bytes)
{
    uintptr_t result = 0xdead;
    assert_true(evaluate(code, bytes, NULL, &result));
    assert_int_equal(result, value);
}

/* What fails leaves the result alone. */
static inline void expect_failure(const uint8_t *code, size_t bytes)
{
    uintptr_t result = 0xdead;
    assert_false(evaluate(code, bytes, NULL, &result));
    assert_int_equal(result, 0xdead);
}

#endif
