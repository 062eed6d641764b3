/*
 * DWARF expressions in unwind tables: a small stack machine over registers and memory.
 *
 * Place: handler, below frame. Context: signal handler; no state, any number of calls overlap. Bounded: steps, stack,
 * and every load is checked.
 *
 * Source: DWARF 5, 2.5 and 7.7.1; call frame expressions exclude what needs a frame or an object (6.4.2).
 */
#ifndef SIGPROF_HANDLER_DWARF_EXPRESSION_H
#define SIGPROF_HANDLER_DWARF_EXPRESSION_H

#include "handler/frame.h"

#pragma GCC visibility push(hidden)

/*
 * Evaluates the expression whose length (ULEB128) stands at tables.low + place, with `*first` on the stack before it,
 * if not NULL. False when it is malformed, asks for a register that is not known, or for memory that is not there;
 * `*result` is then untouched.
 */
bool sp_expression_evaluate(const struct sp_tables *tables, int64_t place, const struct sp_frame *frame,
                            struct sp_loader *loader, const uintptr_t *first, uintptr_t *result);

#pragma GCC visibility pop

#endif
