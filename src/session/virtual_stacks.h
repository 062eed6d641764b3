/*
 * What interpreters make known: their functions, and which thread runs which stack.
 *
 * Place: beside the handler (handler/virtual_stack.h), behind include/sigprof/frames.h. Context: ordinary code of any
 * thread of the target, and a forked child's first steps.
 *
 * A program calls libsigprof, but under `sigprof record` the session is the preload library's, with a handler of its
 * own: so libsigprof looks for the table below, by its name, and goes through it where it finds one. A name is not
 * changed: what it leads to is what every version of libsigprof expects there.
 */
#ifndef SIGPROF_SESSION_VIRTUAL_STACKS_H
#define SIGPROF_SESSION_VIRTUAL_STACKS_H

#include <stdint.h>

#include "handler/virtual_stack.h"

/* As in include/sigprof/frames.h; `attach` takes only stacks that are one. */
struct sp_frames_service {
    uint32_t (*function)(const char *name, const char *file, uint32_t start_line);
    int (*attach)(const struct sp_virtual_stack *stack);
};

#define SP_FRAMES_SERVICE "sigprof_frames_service_1"

/* What the table leads to. */
uint32_t sp_virtual_function(const char *name, const char *file, uint32_t start_line);
int sp_virtual_attach(const struct sp_virtual_stack *stack);

/*
 * Puts the functions that are known, and that it has not, into a segment: a new one, which no other thread knows yet;
 * without a lock and without allocation, as a forked child does it. Else under the table's lock.
 */
void sp_virtual_fill_names(const struct sp_segment *segment);

/* The session runs: tells it what was made known while it was being started. */
void sp_virtual_names_told(void);

#endif
