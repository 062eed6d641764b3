/*
 * Unwind tables: from an address to the rules by which its frame's caller is found.
 *
 * Place on the way of a sample: handler → unwind → *cfi* → shard. Context: signal handler; no state, any number of
 * calls overlap. Reads nothing outside of what its arguments bound.
 *
 * Source: Linux Standard Base 5.0, "Exception Frames" (.eh_frame, .eh_frame_hdr); DWARF 5, section 6.4.
 */
#ifndef SIGPROF_HANDLER_CFI_H
#define SIGPROF_HANDLER_CFI_H

#include <stdbool.h>
#include <stdint.h>

#include "handler/arch/arch.h" /* SP_ARCH_COLUMNS: x86-64 17 (16 = return address), aarch64 32 (30 = lr, 31 = sp) */

#pragma GCC visibility push(hidden)

/*
 * An object's tables. Every byte of [low, high) can be read, and they lie in it. An object without .eh_frame_hdr may be
 * known to have .eh_frame all the same: then that is searched from its beginning.
 */
struct sp_tables {
    uintptr_t low, high;
    uintptr_t header; /* address of .eh_frame_hdr, or 0 */
    uintptr_t frames; /* address of .eh_frame, where header is 0; or 0: there are no tables */
};

enum sp_cfi_status {
    SP_CFI_FOUND = 0,
    SP_CFI_NONE = 1,      /* no entry covers the address */
    SP_CFI_MALFORMED = 2, /* the tables make no sense, or use what is not supported */
};

/* Where a caller's register is. Columns are DWARF's register numbers. */
enum sp_rule {
    SP_RULE_UNSPECIFIED = 0, /* by convention the same value; the stack pointer: the CFA */
    SP_RULE_UNDEFINED,
    SP_RULE_SAME,
    SP_RULE_OFFSET,         /* at CFA + value */
    SP_RULE_VAL_OFFSET,     /* is CFA + value */
    SP_RULE_EXPRESSION,     /* at the address that the expression gives; value: see below */
    SP_RULE_VAL_EXPRESSION, /* is what the expression gives */
    SP_RULE_REGISTER,       /* is in register `value` */
};

/* One row of the table. `value` of an expression: where its length (ULEB128) stands, as an offset from tables.low. */
struct sp_cfi_row {
    bool cfa_is_expression;
    bool is_signal_frame;  /* augmentation 'S': the caller was interrupted, not calling */
    uint16_t cfa_register; /* CFA = this register + cfa_offset, where it is no expression */
    uint16_t return_column;
    int64_t cfa_offset;             /* bytes; or where the expression's length stands, as above */
    uint8_t rules[SP_ARCH_COLUMNS]; /* enum sp_rule */
    int32_t values[SP_ARCH_COLUMNS];
    uintptr_t begin, end; /* the addresses that the entry (FDE) covers */
    uint32_t steps;       /* what it took: instructions and entries that were read; also set where none is found */
};

/* The row that holds at `pc` (the address to look up: of a caller, its return address less one). Bounded steps. */
enum sp_cfi_status sp_cfi_find(const struct sp_tables *tables, uintptr_t pc, struct sp_cfi_row *row);

#pragma GCC visibility pop

#endif
