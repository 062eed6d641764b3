/*
 * The rules of one row by libdw, and how they differ from ours.
 *
 * libdw knows no "unspecified": it fills in what the ABI says of a register that the tables do not name (is_by_abi).
 * What therefore cannot be told apart is a register that the tables do not name, and one to which they give that same
 * rule.
 */
#ifndef SIGPROF_TESTS_RULES_H
#define SIGPROF_TESTS_RULES_H

#include <elfutils/libdw.h>
#include <stddef.h>
#include <stdint.h>

#include "handler/cfi.h"

/* What was compared. */
struct rule_counts {
    uint64_t rules;       /* CFA and registers */
    uint64_t expressions; /* of these, by expression */
    uint64_t unknown;     /* rules that libdw declines to tell, and which therefore were not compared */
};

/* How a difference reads. */
enum { DIFFERENCE_BYTES = 256 };

/* Compares our `row` with libdw's `frame`. True: equal. Else `difference` says in what. */
bool rules_equal(const struct sp_tables *tables, const struct sp_cfi_row *row, Dwarf_Frame *frame,
                 struct rule_counts *counts, char difference[DIFFERENCE_BYTES]);

/*
 * Whether the DWARF expression whose length (ULEB128) stands at tables->low + offset consists of `ops`: the same
 * operations with the same operands at the same places, byte for byte to its end.
 */
bool expression_equals(const struct sp_tables *tables, int64_t offset, const Dwarf_Op *ops, size_t n);

#endif
