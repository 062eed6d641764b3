/*
 * A frame with all its registers, and the step to its caller by a row of the unwind tables.
 *
 * Place: handler, below unwind. Context: signal handler; no state, any number of calls overlap.
 */
#ifndef SIGPROF_HANDLER_FRAME_H
#define SIGPROF_HANDLER_FRAME_H

#include "handler/cfi.h"
#include "handler/loader.h"

#pragma GCC visibility push(hidden)

struct sp_frame {
    uintptr_t pc;
    uintptr_t columns[SP_ARCH_COLUMNS]; /* by DWARF's register numbers */
    uint32_t known;                     /* set of 1 << column */
};

/* Word by word: of an assignment, clang makes a call to memcpy. */
static inline void sp_frame_copy(const struct sp_frame *from, struct sp_frame *to)
{
    to->pc = from->pc;
    to->known = from->known;
    for (unsigned i = 0; i < SP_ARCH_COLUMNS; i++)
        to->columns[i] = from->columns[i];
}

/* All registers of an interrupted thread, out of its ucontext_t. */
void sp_frame_from_context(const void *context, struct sp_frame *frame);

enum sp_step {
    SP_STEP_OK = 0,
    SP_STEP_LAST,   /* the frame has no caller: its return address is undefined */
    SP_STEP_RULES,  /* the row asks for what is not known */
    SP_STEP_MEMORY, /* a register is where there is no readable memory */
};

/* Finds the caller of `frame`. On anything but SP_STEP_OK, `*caller` makes no sense. */
enum sp_step sp_frame_step(const struct sp_tables *tables, const struct sp_cfi_row *row, struct sp_loader *loader,
                           const struct sp_frame *frame, struct sp_frame *caller);

#pragma GCC visibility pop

#endif
