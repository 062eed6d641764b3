/*
 * Stacks of C code for Go's runtime.
 *
 * Place: see cgo_seen.h. Context: signal handler or any thread, on whatever stack; any number of calls overlap.
 * Compiled and proved as the handler is: no lock, no memory, no errno. The stack that these calls need is Go's signal
 * stack, of 32 KiB.
 *
 * Go walks its own frames. A traceback ends at the first that has no unwind tables, which is Go's.
 *
 * A context stands for the place where C has called Go: registers in an entry of a pool, and a number that names the
 * entry and how often it has been in use, so that one that is released twice, or made up, does no harm. The frame that
 * it is of is that of the function that cgo has written for the call; it is there until the context is released.
 *
 *     context number = uses (high 48 bits) | entry + 1 (low 16 bits)      entry.uses: odd while in use
 */
#include "cgo/cgo_seen.h"
#include "handler/unwind.h"
#include "sigprof/cgo.h"

#include "handler/poison.h"

#define PUBLIC __attribute__((visibility("default")))

enum {
    CONTEXTS = 1 << 13, /* nested calls from C to Go, of all threads; what is more has no C half */
    CONTEXT_PROBES = 64,
    CALLERS_SKIPPED = 2, /* sigprof_cgo_context's own frame, and that of who calls it for the function of cgo's */
};

struct context {
    _Atomic uint64_t uses;
    _Atomic uintptr_t pc, sp, fp;
};

static struct context contexts[CONTEXTS];
static struct sp_unwind_memory memory;
_Atomic uintptr_t sp_cgo_seen[SP_CGO_SEEN];

static void remember(uintptr_t pc)
{
    const uint32_t at = (uint32_t)(((uint64_t)pc * 0x9e3779b97f4a7c15u) >> 40);
    for (uint32_t probe = 0; probe < SP_CGO_SEEN_PROBES; probe++) {
        _Atomic uintptr_t *place = &sp_cgo_seen[(at + probe) % SP_CGO_SEEN];
        uintptr_t there = sp_load_relaxed(place);
        if (there == pc || (there == 0 && sp_cas_seq_cst(place, &there, pc)) || there == pc)
            return;
    }
}

/* The entry of a context number, if it is in use by it; else NULL. */
static struct context *entry_of(uintptr_t number)
{
    const uintptr_t entry = (number & 0xffff) - 1;
    if (entry >= CONTEXTS || (sp_load_acquire(&contexts[entry].uses) & (UINT64_MAX >> 16)) != number >> 16)
        return NULL;
    return (number >> 16 & 1) != 0 ? &contexts[entry] : NULL;
}

static uint32_t unwind_context(uintptr_t number, uintptr_t *pcs, uint32_t max)
{
    const struct context *entry = entry_of(number);
    if (entry == NULL)
        return 0;
    struct sp_registers registers = {
        .pc = sp_load_relaxed(&entry->pc), .sp = sp_load_relaxed(&entry->sp), .fp = sp_load_relaxed(&entry->fp)};
    return sp_unwind_callers(&registers, &memory, pcs, max);
}

PUBLIC void sigprof_cgo_traceback(void *argument)
{
    const struct sigprof_traceback_argument *asked = argument;
    const uint32_t max = asked->max < SP_DEPTH_LIMIT ? (uint32_t)asked->max : SP_DEPTH_LIMIT;
    struct sp_registers own;
    uint32_t n;
    if (asked->context != 0) {
        n = unwind_context(asked->context, asked->buf, max);
    } else if (asked->sig_context != 0) {
        n = sp_unwind_tables((const void *)asked->sig_context, &memory, asked->buf, max);
    } else {
        sp_arch_capture_self(&own);
        n = sp_unwind_callers(&own, &memory, NULL, 1);
        n = n == 1 && own.pc != 0 ? sp_unwind_callers(&own, &memory, asked->buf, max) : 0;
    }
    for (uint32_t i = 0; i < n; i++)
        remember(asked->buf[i]);
    if (n < max)
        asked->buf[n] = 0;
}

/* Takes an entry for registers; 0: none is free nearby. */
static uintptr_t new_context(const struct sp_registers *registers)
{
    const uint32_t at = (uint32_t)(((uint64_t)registers->sp * 0x9e3779b97f4a7c15u) >> 40);
    for (uint32_t probe = 0; probe < CONTEXT_PROBES; probe++) {
        const uint32_t number = (at + probe) % CONTEXTS;
        struct context *entry = &contexts[number];
        uint64_t uses = sp_load_relaxed(&entry->uses);
        if ((uses & 1) != 0 || !sp_cas_seq_cst(&entry->uses, &uses, uses + 1))
            continue;
        sp_store_relaxed(&entry->pc, registers->pc);
        sp_store_relaxed(&entry->sp, registers->sp);
        sp_store_relaxed(&entry->fp, registers->fp);
        return (uintptr_t)((uses + 1) << 16 | (number + 1));
    }
    return 0;
}

PUBLIC void sigprof_cgo_context(void *argument)
{
    struct sigprof_context_argument *asked = argument;
    struct sp_registers registers;
    if (asked->context != 0) {
        struct context *entry = entry_of(asked->context);
        if (entry != NULL)
            sp_store_release(&entry->uses, sp_load_relaxed(&entry->uses) + 1);
        return;
    }
    sp_arch_capture_self(&registers);
    const uint32_t n = sp_unwind_callers(&registers, &memory, NULL, CALLERS_SKIPPED);
    if (n == CALLERS_SKIPPED && registers.pc != 0)
        asked->context = new_context(&registers);
}
