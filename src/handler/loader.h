/*
 * Checked loads from memory that may not be there.
 *
 * Place: handler, below unwind. Context: signal handler; a loader belongs to one walk. Inside the interrupted thread's
 * own stack, above its stack pointer, loads are free; elsewhere each page is probed first, by a system call that fails
 * where a load would fault, and a walk has a limited number of these. Between a probe and its load the host may still
 * unmap the page; it would have to unmap what one of its threads has just been found to run on.
 */
#ifndef SIGPROF_HANDLER_LOADER_H
#define SIGPROF_HANDLER_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "handler/raw_calls.h"

enum { SP_PAGE = 4096, SP_PROBES_LIMIT = 512, SP_WORD = sizeof(uintptr_t) };

struct sp_loader {
    uintptr_t low, high;   /* readable for sure: [low, high) */
    uintptr_t probed_page; /* 1: none yet (never a page's address) */
    uint32_t probes_left;
};

static inline struct sp_loader sp_loader_new(uintptr_t low, uintptr_t high)
{
    return (struct sp_loader){.low = low, .high = high, .probed_page = 1, .probes_left = SP_PROBES_LIMIT};
}

/* Whether the page of `address` can be read. */
static inline bool sp_probe_page(struct sp_loader *loader, uintptr_t address)
{
    const uintptr_t page = address & ~(uintptr_t)(SP_PAGE - 1);
    if (loader->probed_page == page)
        return true;
    if (loader->probes_left == 0)
        return false;
    loader->probes_left--;
    if (!sp_raw_is_readable(page))
        return false;
    loader->probed_page = page;
    return true;
}

/* Whether `bytes`, at least 1 and at most a page of them, can be read at `address`. */
static inline bool sp_can_load(struct sp_loader *loader, uintptr_t address, uintptr_t bytes)
{
    if (address >= loader->low && address < loader->high && loader->high - address >= bytes)
        return true;
    const uintptr_t last = address + bytes - 1;
    return last >= address && sp_probe_page(loader, address) &&
           (address / SP_PAGE == last / SP_PAGE || sp_probe_page(loader, last));
}

typedef uintptr_t sp_unaligned_word __attribute__((aligned(1), may_alias));

/* A word at any address that sp_can_load has vouched for. */
static inline uintptr_t sp_word_at(uintptr_t address)
{
    return *(const volatile sp_unaligned_word *)address;
}

static inline bool sp_load_word(struct sp_loader *loader, uintptr_t address, uintptr_t *word)
{
    if (!sp_can_load(loader, address, SP_WORD))
        return false;
    *word = sp_word_at(address);
    return true;
}

#endif
