/*
 * Call frame instructions, one at a time: bytes become what they mean.
 *
 * Place: handler, below cfi. Context: signal handler; no state. Reading apart from doing is what lets cfi.c look ahead.
 *
 * Source: DWARF 5, 6.4.2 and 7.24; the GNU and AArch64 extensions as binutils emits them.
 */
#ifndef SIGPROF_HANDLER_CFI_PROGRAM_H
#define SIGPROF_HANDLER_CFI_PROGRAM_H

#include "handler/eh_frame.h"

#pragma GCC visibility push(hidden)

enum sp_cfi_action {
    SP_CFI_NOTHING = 0,
    SP_CFI_ADVANCE, /* by `value` bytes */
    SP_CFI_SET_LOCATION,
    SP_CFI_SET_RULE, /* of `column`: `rule`, `value` */
    SP_CFI_RESTORE,  /* the rule that `column` had at first */
    SP_CFI_REMEMBER_STATE,
    SP_CFI_RESTORE_STATE,
    SP_CFI_DEFINE_CFA, /* `column` + `value` */
    SP_CFI_CFA_REGISTER,
    SP_CFI_CFA_OFFSET,
    SP_CFI_CFA_EXPRESSION,
    SP_CFI_UNKNOWN,
};

struct sp_cfi_instruction {
    enum sp_cfi_action action;
    uint8_t rule; /* enum sp_rule */
    uint64_t column;
    int64_t value; /* bytes; of an expression: where its length stands, as an offset from tables.low */
};

/* Reads the next instruction of `program`, which is not at its end. A program cut short makes the reader fail. */
struct sp_cfi_instruction sp_cfi_read(const struct sp_tables *tables, const struct sp_fde *fde,
                                      struct sp_table_reader *program);

#pragma GCC visibility pop

#endif
