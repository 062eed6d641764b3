/*
 * At most SP_CODE_RANGES of them, each published so that no handler ever misses one that stays.
 *
 * Place: see code_ranges.h. Context: ordinary code; handlers read the entries at any time, without a lock.
 *
 * A range keeps its entry as long as it begins at the same address: a heap of code that grows is one store of `high`.
 * The entry of one that is gone takes over the last one, so that entries in use stand without holes before those that
 * are not; the last one is withdrawn after its copy has been published.
 */
#include "collector/code_ranges.h"

#include <stdlib.h>

/* The live mappings without a file, in order of addresses, adjacent ones merged. Their number; `ranges` has room. */
static uint32_t collect(const struct sp_mappings *mappings, struct sp_code *ranges)
{
    uint32_t n = 0;
    for (size_t i = 0; i < mappings->live.n; i++) {
        const struct sp_known_mapping *known = &mappings->known.at[mappings->live.at[i]];
        if (!known->is_without_file)
            continue;
        if (n > 0 && ranges[n - 1].high == known->mapping.start)
            ranges[n - 1].high = known->mapping.limit;
        else
            ranges[n++] = (struct sp_code){known->mapping.start, known->mapping.limit};
    }
    return n;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

/*
 * Makes of n > SP_CODE_RANGES ranges so many, by closing the narrowest gaps. `gaps` is room for n numbers. A gap that
 * is closed makes a walk accept more; a range that were left out would cut every stack that goes through it. And
 * engines with many pieces of code keep them together, with their guard pages in the gaps.
 */
static uint32_t close_gaps(struct sp_code *ranges, uint32_t n, uint64_t *gaps)
{
    for (uint32_t i = 1; i < n; i++)
        gaps[i - 1] = ranges[i].low - ranges[i - 1].high;
    qsort(gaps, n - 1, sizeof *gaps, compare);
    uint32_t n_as_wide = 0, kept = 1;
    const uint32_t to_close = n - SP_CODE_RANGES;
    const uint64_t widest = gaps[to_close - 1]; /* to be closed; of others as wide, not all */
    while (n_as_wide < to_close && gaps[to_close - 1 - n_as_wide] == widest)
        n_as_wide++;
    for (uint32_t i = 1; i < n; i++) {
        const uint64_t gap = ranges[i].low - ranges[kept - 1].high;
        const bool is_as_wide = gap == widest && n_as_wide > 0;
        if (gap < widest || is_as_wide)
            ranges[kept - 1].high = ranges[i].high;
        else
            ranges[kept++] = ranges[i];
        n_as_wide -= is_as_wide;
    }
    return kept;
}

/* Withdrawn by high = 0 first, published by high last: see struct sp_unwind_memory. */
static void put(struct sp_code_ranges *published, struct sp_unwind_memory *memory, uint32_t at, struct sp_code range)
{
    struct sp_code_range *entry = &memory->code_ranges[at];
    if (published->at[at].low != range.low) {
        sp_store_release(&entry->high, (uint64_t)0);
        sp_store_release(&entry->low, range.low);
    }
    sp_store_release(&entry->high, range.high);
    published->at[at] = range;
}

/* Entry `at` < n gets the last one's range, and the last one is free. */
static void take_out(struct sp_code_ranges *published, struct sp_unwind_memory *memory, uint32_t at)
{
    const uint32_t last = --published->n;
    if (at < last)
        put(published, memory, at, published->at[last]);
    put(published, memory, last, (struct sp_code){0, 0});
}

/* The range of [0, n) that begins at `low`, or n. */
static uint32_t find(const struct sp_code *ranges, uint32_t n, uint64_t low)
{
    uint32_t first = 0, end = n;
    while (first < end) {
        const uint32_t middle = first + (end - first) / 2;
        if (ranges[middle].low == low)
            return middle;
        if (ranges[middle].low < low)
            first = middle + 1;
        else
            end = middle;
    }
    return n;
}

/* Brings the entries up to date; n ≤ SP_CODE_RANGES. Whether there was anything to do. */
static bool update(struct sp_code_ranges *published, struct sp_unwind_memory *memory, struct sp_code *ranges,
                   uint32_t n)
{
    bool is_taken[SP_CODE_RANGES] = {false}, is_changed = false;
    for (uint32_t i = 0; i < published->n;) {
        const uint32_t same = find(ranges, n, published->at[i].low);
        if (same < n) {
            is_changed |= ranges[same].high != published->at[i].high;
            if (ranges[same].high != published->at[i].high)
                put(published, memory, i, ranges[same]);
            is_taken[same] = true;
            i++;
            continue;
        }
        take_out(published, memory, i);
        is_changed = true;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (is_taken[i])
            continue;
        put(published, memory, published->n++, ranges[i]);
        is_changed = true;
    }
    return is_changed;
}

bool sp_code_ranges_publish(struct sp_code_ranges *published, const struct sp_mappings *mappings,
                            struct sp_unwind_memory *memory)
{
    struct sp_code *ranges = calloc(mappings->live.n + 1, sizeof *ranges);
    uint64_t *gaps = calloc(mappings->live.n + 1, sizeof *gaps);
    bool is_changed = false;
    if (ranges != NULL && gaps != NULL) {
        uint32_t n = collect(mappings, ranges);
        if (n > SP_CODE_RANGES)
            n = close_gaps(ranges, n, gaps);
        is_changed = update(published, memory, ranges, n);
    }
    free(ranges);
    free(gaps);
    return is_changed;
}
