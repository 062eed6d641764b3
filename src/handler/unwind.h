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

/* A thread's own stack [low, high), readable from its stack pointer upwards; 0, 0 when it is not known. */
struct sp_stack_bounds {
    uintptr_t low, high;
};

/* What a walk tells beside the frames. */
struct sp_walk_facts {
    enum sp_stack_end end;
    uint32_t frames;                                           /* walked: more than returned where some were left out */
    uint32_t misses;                                           /* frames whose rule was not in the cache */
    uint32_t virtual_placed, virtual_dropped, virtual_damaged; /* frames of interpreters */
};

/*
 * Writes the stack of an interrupted thread to pcs[0..max_depth), `max_depth` ≥ 1, and returns the number of words
 * written, ≥ 1.
 *
 * `context` is the `ucontext_t` of the interruption. pcs[0] is the interrupted pc, then come return addresses. A frame
 * that was itself interrupted by a signal, deeper in the stack, has its pc + 1 there, so that pc − 1 is always an
 * address in the caller. Of a stack deeper than max_depth the leaf's half and the root's half are kept, with SP_PC_GAP
 * between them (max_depth ≥ 3; below, the leaf's side alone).
 *
 * Where the interrupted stack pointer lies in `stack`, the stack is loaded from without more ado; elsewhere each page
 * is probed first. No load faults, whatever the registers and the stack hold. `memory` may be NULL: then each frame's
 * rule is found anew.
 */
uint32_t sp_unwind(const void *context, const struct sp_stack_bounds *stack, struct sp_unwind_memory *memory,
                   uint64_t *pcs, uint32_t max_depth, struct sp_walk_facts *facts);

/*
 * The same with `scratch`, whose contents do not matter, in place of a kilobyte of stack: what the handler uses. Frames
 * of `published` (NULL: none) are laid between the native ones, see virtual_stack.h; where they are the innermost, the
 * interrupted pc stands behind them, as that of a frame interrupted deeper in the stack.
 */
struct sp_virtual_stack;
uint32_t sp_unwind_with(struct sp_scratch *scratch, const void *context, const struct sp_stack_bounds *stack,
                        const struct sp_virtual_stack *published, struct sp_unwind_memory *memory, uint64_t *pcs,
                        uint32_t max_depth, struct sp_walk_facts *facts);

/*
 * For a runtime that walks its own code itself, as Go's does: the addresses of the frames of an interrupted thread up
 * to the first that has no unwind tables, the leaf's side, at most `max_depth`. A caller's address is that of its call,
 * one less than what it returns to. Returns how many, which may be 0. Nothing is known of the stack, so that each page
 * is probed.
 */
uint32_t sp_unwind_tables(const void *context, struct sp_unwind_memory *memory, uintptr_t *pcs, uint32_t max_depth);

/*
 * The same from the registers of a frame that has called, whose pc is where it is returned to; no others are known, so
 * it ends at a frame that needs one. `pcs` NULL: only the walk is wanted. *registers becomes that of the frame behind
 * the last, with pc 0 where there is none.
 */
uint32_t sp_unwind_callers(struct sp_registers *registers, struct sp_unwind_memory *memory, uintptr_t *pcs,
                           uint32_t max_depth);

#pragma GCC visibility pop

#endif
