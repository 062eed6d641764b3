/*
 * Calling a function of the host's from the handler, and holding what it wrote against what it may.
 *
 * Place on the way of a sample: see host_traceback.h. Context: signal handler; calls overlap on different threads, each
 * with a buffer of its own, which its shard's lock guards.
 */
#include "handler/host_traceback.h"

#include "handler/arch/arch.h"

#include "handler/poison.h"

struct sp_traceback sp_traceback;

/* The layout that Go documents: struct sigprof_traceback_argument of include/sigprof/traceback.h. */
struct argument {
    uintptr_t context, sig_context;
    uint64_t *buf;
    uintptr_t max;
};

static void count(_Atomic uint64_t *counter)
{
    sp_store_relaxed(counter, sp_load_relaxed(counter) + 1);
}

static bool is_intact(const uint64_t *canary)
{
    uint64_t difference = 0;
    for (uint32_t i = 0; i < SP_CANARY_WORDS; i++)
        difference |= ((const volatile uint64_t *)canary)[i] ^ (sp_traceback.canary + i);
    return difference == 0;
}

/* No code of a process lies there, whatever its page tables; and other words of a record do (segment.h). */
static bool is_nonsense(uint64_t word)
{
    return word >> 56 != 0 && word >> 56 != 0xff;
}

/* Takes the stack out of the buffer, which is left all zeroes. Words behind the end were not asked for. */
static uint32_t take_frames(volatile uint64_t *buffer, uint32_t max_depth, uint64_t *pcs, enum sp_stack_end *end)
{
    uint32_t depth = 0;
    *end = SP_STACK_CUT_DEPTH;
    for (uint32_t i = 0; i < max_depth; i++) {
        const uint64_t word = sp_arch_return_address(buffer[i]);
        buffer[i] = 0;
        if (depth < i)
            continue;
        if (word == 0)
            *end = SP_STACK_COMPLETE;
        else if (is_nonsense(word))
            *end = SP_STACK_CUT_MEMORY;
        else
            pcs[depth++] = i == 0 ? word : word + 1; /* records have return addresses: see segment.h */
    }
    return depth;
}

uint32_t sp_traceback_take(const struct sp_segment *segment, uint32_t shard, const void *context, uint64_t *pcs,
                           enum sp_stack_end *end)
{
    sp_traceback_function *function = sp_load_acquire(&sp_traceback.function);
    if (function == NULL)
        return 0;
    struct sp_shard *counters = sp_segment_shard(segment, shard);
    const uint32_t max_depth = segment->geometry.max_depth;
    uint64_t *buffer = sp_traceback.buffers + shard * sp_traceback_words(max_depth);
    struct argument argument = {.sig_context = (uintptr_t)context, .buf = buffer, .max = max_depth};
    count(&counters->tracebacks);
    function(&argument);
    const bool is_whole = is_intact(buffer + max_depth);
    const uint32_t depth = take_frames(buffer, max_depth, pcs, end);
    if (!is_whole) {
        count(&counters->tracebacks_overrun);
        sp_store_relaxed(&sp_traceback.has_overrun, 1u);
        sp_store_relaxed(&sp_traceback.function, NULL);
        return 0;
    }
    if (*end == SP_STACK_CUT_MEMORY)
        count(&counters->tracebacks_garbled);
    else if (depth == 0)
        count(&counters->tracebacks_empty);
    return depth;
}
