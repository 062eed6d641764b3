/*
 * A stack by the host's own traceback function, in place of ours.
 *
 * Place on the way of a sample: handler → *traceback*, else unwind → shard. The session makes the buffers and writes
 * `sp_traceback`, handlers read it. The rules are those of include/sigprof/traceback.h.
 *
 * The function is foreign code: it may write more than it was told, or nonsense. Each shard has a buffer for it, used
 * under the shard's lock, of max_depth words and a canary behind them, which is looked at after each call. Nothing that
 * it has been given to write to is believed to be as it was.
 */
#ifndef SIGPROF_HANDLER_HOST_TRACEBACK_H
#define SIGPROF_HANDLER_HOST_TRACEBACK_H

#include <stdbool.h>
#include <stdint.h>

#include "handler/segment.h"

#pragma GCC visibility push(hidden) /* else clang calls by way of a register: see check_handler.py */

typedef void sp_traceback_function(void *argument);

enum { SP_CANARY_WORDS = 64 };

struct sp_traceback {
    /* NULL: there is none, or it has overrun its buffer once. What stands below is written before it. */
    _Atomic(sp_traceback_function *) function;
    uint64_t *buffers; /* one per shard, of sp_traceback_words; all zeroes but the canaries */
    uint64_t canary;   /* any number; each of its words is this and its number */
    _Atomic uint32_t has_overrun;
};

extern struct sp_traceback sp_traceback;

/* Whether there is a function to ask: each sample does. */
static inline bool sp_traceback_is_set(void)
{
    return sp_load_relaxed(&sp_traceback.function) != NULL;
}

/* Words of one buffer. */
static inline uint64_t sp_traceback_words(uint32_t max_depth)
{
    return (uint64_t)max_depth + SP_CANARY_WORDS;
}

/*
 * Asks the function, if there is one, for the stack of the interrupted thread. Its frames go to `pcs`, as unwind writes
 * them, at most max_depth of the segment; how it ends to `end`. Returns how many; 0 when there is no function, or it
 * gave no stack: then unwind serves. The caller has the lock of `shard`, whose counters tell what happened.
 */
uint32_t sp_traceback_take(const struct sp_segment *segment, uint32_t shard, const void *context, uint64_t *pcs,
                           enum sp_stack_end *end);

#pragma GCC visibility pop

#endif
