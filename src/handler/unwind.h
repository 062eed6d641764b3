/*
 * From the interrupted registers to the stack.
 *
 * Place on the way of a sample: handler → *unwind* → shard. Context: signal handler; keeps no state, so any number of
 * calls may overlap. Callers see only sp_unwind: how a frame's caller is found is unwind.c's own affair.
 */
#ifndef SIGPROF_HANDLER_UNWIND_H
#define SIGPROF_HANDLER_UNWIND_H

#include <stdint.h>

#include "handler/arch/arch.h"
#include "handler/segment.h"

#pragma GCC visibility push(hidden) /* else clang calls by way of a register: see check_handler.py */

/* Memory of the interrupted thread's stack known to be readable: [low, high); low == high when nothing is known. */
struct sp_stack_bounds {
    uintptr_t low, high;
};

/*
 * Writes the stack of the interrupted thread to pcs[0..max_depth), the interrupted pc first, then return addresses,
 * and stores how it ended. `max_depth` ≥ 1. Returns the number of frames, ≥ 1. Loads outside `bounds` are probed
 * first; no load faults, whatever the registers hold.
 */
uint32_t sp_unwind(const struct sp_registers *registers, const struct sp_stack_bounds *bounds, uint64_t *pcs,
                   uint32_t max_depth, enum sp_stack_end *end);

#pragma GCC visibility pop

#endif
