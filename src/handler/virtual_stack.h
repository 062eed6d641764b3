/*
 * The stacks that interpreters publish, and their way into the native one.
 *
 * Place on the way of a sample: read by unwind, beside the native stack. Written by the host through
 * include/sigprof/frames.h, which documents the protocol; the list of threads by src/session/virtual_stacks.c.
 *
 * A handler reads what its own thread has written, so there is an order but no concurrency: the frames below `depth`
 * are whole. Yet it is the host's memory. It is probed before it is read, each number is read once and held against its
 * bound, and what makes no sense is counted.
 */
#ifndef SIGPROF_HANDLER_VIRTUAL_STACK_H
#define SIGPROF_HANDLER_VIRTUAL_STACK_H

#include <stdbool.h>
#include <stdint.h>

#include "handler/frame_list.h"
#include "handler/loader.h"

/* struct sigprof_frame and struct sigprof_frames. */
struct sp_virtual_frame {
    uint32_t function, line;
    uint64_t stack;
};

struct sp_virtual_stack {
    uint64_t magic; /* SP_VIRTUAL_MAGIC */
    uint32_t capacity, depth;
    struct sp_virtual_frame at[];
};

#define SP_VIRTUAL_MAGIC UINT64_C(0x31736d6172666773) /* "sgframs1" */

enum {
    SP_VIRTUAL_FRAMES_LIMIT = 1 << 14,
    SP_VIRTUAL_THREADS = 4096, /* power of 2 */
    SP_VIRTUAL_PROBES = 16,    /* places that a thread may stand in */
};

/* A thread and the stack that it runs; tid 0: free. */
struct sp_virtual_thread {
    _Atomic int32_t tid;
    _Atomic(const struct sp_virtual_stack *) stack;
};

struct sp_virtual_threads {
    _Atomic uint32_t is_used; /* a thread has ever been put here */
    struct sp_virtual_thread at[SP_VIRTUAL_THREADS];
};

/* The virtual frames of one walk that have no place yet: the `left` outermost. */
struct sp_virtual_walk {
    const struct sp_virtual_stack *stack;
    uint32_t left;
    uint32_t placed, dropped, damaged; /* frames; damaged also counts a stack that is none */
    struct sp_loader loader;
};

#pragma GCC visibility push(hidden) /* else clang calls by way of a register: see check_handler.py */

extern struct sp_virtual_threads sp_virtual_threads;

/* What thread `tid`, of those that have published, has; or NULL. */
const struct sp_virtual_stack *sp_virtual_look(int32_t tid);

/* What thread `tid` has published, or NULL. Each sample asks: where nobody ever did, it is one load. */
static inline const struct sp_virtual_stack *sp_virtual_find(int32_t tid)
{
    return sp_load_relaxed(&sp_virtual_threads.is_used) != 0 ? sp_virtual_look(tid) : NULL;
}

/* Begins a walk; `stack` NULL: there is nothing to place. */
void sp_virtual_begin(struct sp_virtual_walk *walk, const struct sp_virtual_stack *stack);

/*
 * Puts what belongs above the native frame [low, high) to `output`, the innermost first. Frames that are deeper than
 * `low` on the same stack are no more. [stack_low, stack_high) are the bounds of the thread's own stack: a native frame
 * elsewhere, on an alternate one, has none of the frames that are on that.
 */
void sp_virtual_place(struct sp_virtual_walk *walk, uintptr_t low, uintptr_t high, uintptr_t stack_low,
                      uintptr_t stack_high, struct sp_frame_list *output);

/* The native walk ends before it has come to the others: puts them to the end. */
void sp_virtual_place_rest(struct sp_virtual_walk *walk, struct sp_frame_list *output);

#pragma GCC visibility pop

#endif
