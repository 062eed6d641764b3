/*
 * ProfilerGetStackTrace: the caller's own stack, for programs that have a SIGPROF handler of their own.
 *
 * Place: beside the way of a sample. Context: signal handlers; it takes 6 KiB of stack.
 */
#include <stdint.h>
#include <ucontext.h>

#include "gperftools/profiler_abi.h"
#include "handler/unwind.h"

#define PUBLIC __attribute__((visibility("default")))

/* Of a stack deeper than that, the leaf's half is walked out. */
enum { WALKED = 512 };

/* As gperftools does it, the interrupted context is of no matter: the walk finds it below the signal's frame. */
PUBLIC int ProfilerGetStackTrace(void **result, int max_depth, int skip_count, const void *context)
{
    const struct sp_stack_bounds unknown = {0, 0};
    struct sp_walk_facts facts;
    uint64_t pcs[WALKED];
    ucontext_t here;
    (void)context;
    if (max_depth <= 0 || skip_count < 0 || skip_count >= WALKED || getcontext(&here) != 0)
        return 0;
    const uint32_t depth = sp_unwind(&here, &unknown, NULL, pcs, WALKED, &facts);
    int n = 0;
    for (uint32_t i = 1 + (uint32_t)skip_count; i < depth && n < max_depth && pcs[i] != SP_PC_GAP; i++)
        result[n++] = (void *)(uintptr_t)pcs[i];
    return n;
}
