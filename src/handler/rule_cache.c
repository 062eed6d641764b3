/* Packs rows of the unwind tables into words; see rule_cache.h for place and context. */
#include "handler/rule_cache.h"

#include "handler/dwarf_expression.h"

#include "handler/poison.h"

/* The offset of a register's place from the CFA. False: it is somewhere that does not fit. */
static bool saved_at(const struct sp_cfi_row *row, unsigned column, const int32_t **offset)
{
    const enum sp_rule rule = row->rules[column];
    *offset = rule == SP_RULE_OFFSET ? &row->values[column] : NULL;
    return rule == SP_RULE_OFFSET || rule == SP_RULE_UNSPECIFIED || rule == SP_RULE_SAME;
}

/*
 * x86-64: a function that realigns its stack keeps the CFA in memory (DW_OP_breg6 -n, DW_OP_deref), and the frame
 * pointer where it now points (DW_OP_breg6 0). Fills in the rule, if that is what the row says.
 */
static bool pack_realigned(const struct sp_tables *tables, const struct sp_cfi_row *row, uint32_t *rule)
{
    enum { BREG_FP = 0x70 + SP_ARCH_FP, DEREF = 0x06, SIGN = 0x40 };
    if (SP_ARCH_HAS_LINK_REGISTER || row->rules[SP_ARCH_FP] != SP_RULE_EXPRESSION ||
        row->rules[SP_ARCH_RA] != SP_RULE_OFFSET || row->values[SP_ARCH_RA] != -SP_WORD)
        return false;
    const uint64_t bytes = tables->high - tables->low, cfa = (uint64_t)row->cfa_offset,
                   saved = (uint64_t)(int64_t)row->values[SP_ARCH_FP];
    if (bytes < 4 || cfa > bytes - 4 || saved > bytes - 3)
        return false;
    const volatile uint8_t *cfa_code = (const volatile uint8_t *)(tables->low + (uintptr_t)cfa),
                           *fp_code = (const volatile uint8_t *)(tables->low + (uintptr_t)saved);
    const uint8_t offset = cfa_code[2];
    if (cfa_code[0] != 3 || cfa_code[1] != BREG_FP || (offset & 0xc0) != SIGN || offset % SP_WORD != 0 ||
        cfa_code[3] != DEREF || fp_code[0] != 2 || fp_code[1] != BREG_FP || fp_code[2] != 0)
        return false;
    *rule = sp_rule_make(SP_FRAME_REALIGNED, (0x80u - offset) / SP_WORD, 0);
    return true;
}

/* What an expression gives for a stack pointer, if that and the pc are all that it needs. */
static bool evaluate_from_sp(const struct sp_tables *tables, int64_t place, uintptr_t sp, uintptr_t pc,
                             uintptr_t *value)
{
    struct sp_frame frame;
    struct sp_loader nothing = sp_loader_new(0, 0);
    nothing.probes_left = 0;
    frame.pc = pc;
    frame.known = 1u << SP_ARCH_SP;
    frame.columns[SP_ARCH_SP] = sp;
    if (!SP_ARCH_HAS_LINK_REGISTER) { /* there the return address's column is the pc of the frame */
        frame.known |= 1u << SP_ARCH_RA;
        frame.columns[SP_ARCH_RA] = pc;
    }
    return sp_expression_evaluate(tables, place, &frame, &nothing, NULL, value);
}

/* PLT entries: the CFA is an expression, but for a given pc it is the stack pointer and a constant. */
static bool is_offset_from_sp(const struct sp_tables *tables, const struct sp_cfi_row *row, uintptr_t pc,
                              int64_t *offset)
{
    enum { SOME_SP = 1 << 20, OTHER_SP = (1 << 24) + SP_WORD }; /* so that rounding one down is seen */
    uintptr_t some, other;
    if (!evaluate_from_sp(tables, row->cfa_offset, SOME_SP, pc, &some) ||
        !evaluate_from_sp(tables, row->cfa_offset, OTHER_SP, pc, &other) || some - SOME_SP != other - OTHER_SP)
        return false;
    *offset = (int64_t)(some - SOME_SP);
    return true;
}

uint32_t sp_rule_pack(const struct sp_tables *tables, const struct sp_cfi_row *row, uintptr_t pc)
{
    const uint32_t complex = sp_rule_make(SP_FRAME_COMPLEX, 0, 0);
    uint32_t rule = complex, saves;
    const int32_t *ra, *fp;
    int64_t offset = row->cfa_offset;
    uint16_t cfa_register = row->cfa_register;
    if (row->return_column == SP_ARCH_RA && row->rules[SP_ARCH_RA] == SP_RULE_UNDEFINED)
        return sp_rule_make(SP_FRAME_LAST, 0, 0);
    if (row->is_signal_frame || row->return_column != SP_ARCH_RA || row->rules[SP_ARCH_SP] != SP_RULE_UNSPECIFIED)
        return complex;
    if (row->cfa_is_expression) {
        if (pack_realigned(tables, row, &rule))
            return rule;
        if (!is_offset_from_sp(tables, row, pc, &offset))
            return complex;
        cfa_register = SP_ARCH_SP;
    }
    if (offset < 0 || offset % SP_ARCH_CFA_UNIT != 0 || offset / SP_ARCH_CFA_UNIT >= 1 << SP_RULE_CFA_BITS ||
        (cfa_register != SP_ARCH_SP && cfa_register != SP_ARCH_FP) || !saved_at(row, SP_ARCH_RA, &ra) ||
        !saved_at(row, SP_ARCH_FP, &fp) || !sp_arch_pack_saves(ra, fp, &saves))
        return complex;
    const bool is_record =
        cfa_register == SP_ARCH_FP && fp != NULL && *fp == -offset && ra != NULL && *ra == *fp + SP_WORD;
    const enum sp_rule_kind kind = is_record ? SP_FRAME_RECORD : cfa_register == SP_ARCH_SP ? SP_FRAME_SP : SP_FRAME_FP;
    return sp_rule_make(kind, (uint32_t)(offset / SP_ARCH_CFA_UNIT), saves);
}
