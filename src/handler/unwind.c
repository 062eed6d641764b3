/*
 * The frame-pointer walk, over checked loads.
 *
 * Place on the way of a sample: handler → *unwind* → shard. Context: signal handler; calls may overlap on any number of
 * threads, each touches only its arguments and the interrupted thread's stack, which it only reads.
 *
 * The chain is followed while it makes sense: aligned, above the stack pointer, growing towards the stack's base. A
 * frame pointer of 0 is the thread's start: the ABI's start-up code and libc's clone clear it. Anything else ends the
 * stack with a mark. Code built without frame pointers uses the register for something else, also for pointers into
 * the stack: so a return address counts only when it lies in a loaded object, or stands behind a call instruction
 * (code made at run time). The walk ends where the chain breaks.
 */
#include "handler/unwind.h"

#include <dlfcn.h>

#include "handler/raw_calls.h"

#include "handler/poison.h"

enum { PAGE = 4096, PROBES_LIMIT = 64, FRAME_BYTES_LIMIT = 8 << 20, LOWEST_CODE = 4096 };

/* Checked loads: inside `known` for free, elsewhere one probe per page, at most PROBES_LIMIT of them. */
struct loader {
    struct sp_stack_bounds known;
    uintptr_t probed_page; /* 1: none yet (never a page's address) */
    uint32_t probes_left;
};

static bool probe_page(struct loader *loader, uintptr_t address)
{
    const uintptr_t page = address & ~(uintptr_t)(PAGE - 1);
    if (loader->probed_page == page)
        return true;
    if (loader->probes_left == 0)
        return false;
    loader->probes_left--;
    if (!sp_raw_is_readable(address))
        return false;
    loader->probed_page = page;
    return true;
}

/* Loads a frame record: two words at `address`, which is aligned to a word. The two may lie on different pages. */
static inline bool load_frame(struct loader *loader, uintptr_t address, uintptr_t frame[2])
{
    const bool is_known = address >= loader->known.low && address < loader->known.high &&
                          loader->known.high - address >= 2 * sizeof(uintptr_t);
    if (!is_known && !(probe_page(loader, address) && probe_page(loader, address + sizeof(uintptr_t))))
        return false;
    const volatile uintptr_t *words = (const volatile uintptr_t *)address;
    frame[0] = words[0];
    frame[1] = words[1];
    return true;
}

#ifdef DLFO_STRUCT_HAS_EH_DBASE /* the C library has _dl_find_object; at run time an older one may be there */
#pragma weak _dl_find_object

/* The object that holds `address`, as [low, high). About 4 ns, async-signal-safe (glibc manual, "Dynamic Linker"). */
static bool find_object(uintptr_t address, struct sp_stack_bounds *object)
{
    struct dl_find_object found;
    if (_dl_find_object == NULL || _dl_find_object((void *)address, &found) != 0)
        return false;
    *object = (struct sp_stack_bounds){(uintptr_t)found.dlfo_map_start, (uintptr_t)found.dlfo_map_end};
    return true;
}
#else
static bool find_object(uintptr_t address, struct sp_stack_bounds *object)
{
    (void)address;
    (void)object;
    return false;
}
#endif

static bool stands_behind_call(struct loader *loader, uintptr_t address)
{
    uint8_t bytes[8];
    if (!probe_page(loader, address - sizeof bytes) || !probe_page(loader, address - 1))
        return false;
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = ((const volatile uint8_t *)address)[(int)i - (int)sizeof bytes];
    return sp_arch_is_call(bytes);
}

/* Whether `address` can be one to return to. `object` is the loaded object of the last one: callers are often near. */
static inline bool is_return_address(struct loader *loader, uintptr_t address, struct sp_stack_bounds *object)
{
    if (address - object->low < object->high - object->low)
        return true;
    return address >= LOWEST_CODE && (find_object(address, object) || stands_behind_call(loader, address));
}

static uint32_t walk(const struct sp_registers *registers, const struct sp_stack_bounds *known, uint64_t *pcs,
                     uint32_t max_depth, enum sp_stack_end *end)
{
    struct loader loader = {.known = *known, .probed_page = 1, .probes_left = PROBES_LIMIT};
    struct sp_stack_bounds object = {0, 0};
    uintptr_t lowest = registers->sp, fp = registers->fp, frame[2];
    uint32_t depth = 0;
    pcs[depth++] = registers->pc;
    for (;;) {
        /* Without a caller yet, a zero is more likely a number in the register than the thread's start. */
        if (fp == 0)
            return *end = depth > 1 ? SP_STACK_COMPLETE : SP_STACK_CUT_RULES, depth;
        if (fp % SP_ARCH_FRAME_ALIGN != 0 || fp < lowest || fp - lowest > FRAME_BYTES_LIMIT)
            return *end = SP_STACK_CUT_RULES, depth;
        if (!load_frame(&loader, fp, frame))
            return *end = SP_STACK_CUT_MEMORY, depth;
        const uintptr_t caller = sp_arch_return_address(frame[1]);
        if (caller == 0 && frame[0] == 0)
            return *end = SP_STACK_COMPLETE, depth;
        if (!is_return_address(&loader, caller, &object))
            return *end = SP_STACK_CUT_RULES, depth;
        if (depth == max_depth)
            return *end = SP_STACK_CUT_DEPTH, depth;
        pcs[depth++] = caller;
        lowest = fp + 2 * sizeof(uintptr_t);
        fp = frame[0];
    }
}

uint32_t sp_unwind(const void *context, const struct sp_stack_bounds *stack, struct sp_unwind_memory *memory,
                   uint64_t *pcs, uint32_t max_depth, struct sp_walk_facts *facts)
{
    struct sp_registers registers;
    struct sp_stack_bounds known = {0, 0};
    (void)memory;
    sp_arch_capture(context, &registers);
    if (registers.sp >= stack->low && registers.sp < stack->high)
        known = (struct sp_stack_bounds){registers.sp, stack->high};
    const uint32_t depth = walk(&registers, &known, pcs, max_depth, &facts->end);
    facts->frames = depth;
    facts->misses = 0;
    return depth;
}
