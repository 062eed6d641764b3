/* See rules.h. */
#include "rules.h"

#include <dwarf.h>
#include <stdarg.h>
#include <stdio.h>

#if defined(__x86_64__)
enum { STACK_POINTER = 7 };
#else
enum { STACK_POINTER = 31 };
#endif

/* A register's rule, from either side. */
struct rule {
    enum sp_rule kind;
    int64_t value;       /* of ours as in struct sp_cfi_row; of libdw's none where it is an expression */
    const Dwarf_Op *ops; /* libdw's expression */
    size_t n_ops;
};

static const char *const rule_names[] = {
    [SP_RULE_UNSPECIFIED] = "unspecified",
    [SP_RULE_UNDEFINED] = "undefined",
    [SP_RULE_SAME] = "same value",
    [SP_RULE_OFFSET] = "offset",
    [SP_RULE_VAL_OFFSET] = "val_offset",
    [SP_RULE_EXPRESSION] = "expression",
    [SP_RULE_VAL_EXPRESSION] = "val_expression",
    [SP_RULE_REGISTER] = "register",
};

__attribute__((format(printf, 2, 3))) static bool differs(char *difference, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(difference, DIFFERENCE_BYTES, format, arguments);
    va_end(arguments);
    return false;
}

/*
 * Whether `theirs` is what libdw takes for the rule of a register that the tables do not name: those that the callee
 * saves are as they were, the stack pointer is the CFA, the others are lost. Of rax and rbx, libdw 0.188 believes that
 * rax is the one that is saved, so both are let pass; nothing is computed from either by this.
 */
static bool is_by_abi(unsigned column, const struct rule *theirs)
{
#if defined(__x86_64__) /* rbp, r12-r15; System V ABI, AMD64 supplement, figure 3.4 */
    const uint32_t saved = 1u << 6 | 0xfu << 12;
    if ((column == 0 || column == 3) && theirs->kind == SP_RULE_SAME)
        return true;
#else /* x19-x29, and x30: a leaf leaves it alone; AAPCS64 6.1.1 */
    const uint32_t saved = 0xfffu << 19;
#endif
    if (column == STACK_POINTER)
        return theirs->kind == SP_RULE_VAL_OFFSET && theirs->value == 0;
    return theirs->kind == ((saved >> column & 1) != 0 ? SP_RULE_SAME : SP_RULE_UNDEFINED);
}

/* False: libdw refuses. */
static bool libdw_rule(Dwarf_Frame *frame, unsigned column, Dwarf_Op memory[3], struct rule *out)
{
    Dwarf_Op *ops = NULL;
    size_t n = 0;
    if (dwarf_frame_register(frame, (int)column, memory, &ops, &n) != 0)
        return false;
    *out = (struct rule){.ops = ops, .n_ops = n};
    if (n == 0)
        out->kind = ops == NULL ? SP_RULE_SAME : SP_RULE_UNDEFINED;
    else if (ops != memory)
        out->kind = ops[n - 1].atom == DW_OP_stack_value ? SP_RULE_VAL_EXPRESSION : SP_RULE_EXPRESSION;
    else if (ops[0].atom == DW_OP_regx) {
        out->kind = SP_RULE_REGISTER;
        out->value = (int64_t)ops[0].number;
    } else {
        out->kind = ops[n - 1].atom == DW_OP_stack_value ? SP_RULE_VAL_OFFSET : SP_RULE_OFFSET;
        out->value = n > 1 && ops[1].atom == DW_OP_plus_uconst ? (int64_t)ops[1].number : 0;
    }
    return true;
}

/* libdw puts the CFA in front of a register's expression, and "this is a value" behind it: neither is in the table. */
static bool expressions_equal(const struct sp_tables *tables, int64_t offset, const struct rule *theirs)
{
    const Dwarf_Op *ops = theirs->ops;
    size_t n = theirs->n_ops;
    if (n > 0 && ops[0].atom == DW_OP_call_frame_cfa) {
        ops++;
        n--;
    }
    if (n > 0 && theirs->kind == SP_RULE_VAL_EXPRESSION)
        n--;
    return expression_equals(tables, offset, ops, n);
}

static bool register_equal(const struct sp_tables *tables, const struct sp_cfi_row *row, Dwarf_Frame *frame,
                           unsigned column, struct rule_counts *counts, char *difference)
{
    Dwarf_Op memory[3];
    struct rule theirs;
    const struct rule ours = {.kind = (enum sp_rule)row->rules[column], .value = row->values[column]};
    if (ours.kind > SP_RULE_REGISTER)
        return differs(difference, "column %u: our rule has the number %u", column, (unsigned)ours.kind);
    counts->rules++;
    if (!libdw_rule(frame, column, memory, &theirs)) {
        counts->unknown++;
        return true;
    }
    if (ours.kind == SP_RULE_UNSPECIFIED && is_by_abi(column, &theirs))
        return true;
    if (ours.kind != theirs.kind)
        return differs(difference, "column %u: ours %s, libdw's %s", column, rule_names[ours.kind],
                       rule_names[theirs.kind]);
    if (ours.kind == SP_RULE_EXPRESSION || ours.kind == SP_RULE_VAL_EXPRESSION) {
        counts->expressions++;
        return expressions_equal(tables, ours.value, &theirs) ||
               differs(difference, "column %u: another expression", column);
    }
    return ours.value == theirs.value || differs(difference, "column %u: %s %lld, libdw's %lld", column,
                                                 rule_names[ours.kind], (long long)ours.value, (long long)theirs.value);
}

static bool cfa_equal(const struct sp_tables *tables, const struct sp_cfi_row *row, Dwarf_Frame *frame,
                      struct rule_counts *counts, char *difference)
{
    Dwarf_Op *ops = NULL;
    size_t n = 0;
    counts->rules++;
    /* libdw gives up on a register alone after an expression; readelf and libgcc go on with the last offset, so do we.
     */
    if (dwarf_frame_cfa(frame, &ops, &n) != 0) {
        counts->unknown++;
        return true;
    }
    if (row->cfa_is_expression) {
        counts->expressions++;
        const struct rule theirs = {.kind = SP_RULE_EXPRESSION, .ops = ops, .n_ops = n};
        return expressions_equal(tables, row->cfa_offset, &theirs) || differs(difference, "CFA: another expression");
    }
    if (n != 1 || ops[0].atom != DW_OP_bregx)
        return differs(difference, "CFA: ours register %u %+lld, libdw's no register", row->cfa_register,
                       (long long)row->cfa_offset);
    return (ops[0].number == row->cfa_register && (int64_t)ops[0].number2 == row->cfa_offset) ||
           differs(difference, "CFA: ours register %u %+lld, libdw's register %llu %+lld", row->cfa_register,
                   (long long)row->cfa_offset, (unsigned long long)ops[0].number, (long long)ops[0].number2);
}

bool rules_equal(const struct sp_tables *tables, const struct sp_cfi_row *row, Dwarf_Frame *frame,
                 struct rule_counts *counts, char difference[DIFFERENCE_BYTES])
{
    bool is_signal_frame = false;
    const int return_column = dwarf_frame_info(frame, NULL, NULL, &is_signal_frame);
    if (row->return_column != return_column)
        return differs(difference, "return column: ours %u, libdw's %d", row->return_column, return_column);
    if (row->is_signal_frame != is_signal_frame)
        return differs(difference, "signal frame: ours %d, libdw's %d", row->is_signal_frame, is_signal_frame);
    bool equal = cfa_equal(tables, row, frame, counts, difference);
    for (unsigned column = 0; equal && column < SP_ARCH_COLUMNS; column++)
        equal = register_equal(tables, row, frame, column, counts, difference);
    return equal;
}
