/*
 * Executable memory that no file backs, told to the handlers: code made at run time.
 *
 * Place: collector; mappings → *code ranges* → segment → handler/unwind. A walk has no tables for such code, and
 * accepts a return address there all the same. Context: ordinary code, one thread at a time; the target's handlers read
 * beside it.
 */
#ifndef SIGPROF_COLLECTOR_CODE_RANGES_H
#define SIGPROF_COLLECTOR_CODE_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/mappings.h"
#include "handler/segment.h"

/* [low, high) */
struct sp_code {
    uint64_t low, high;
};

/*
 * What has been published: entry i of the segment is at[i]. This side's own copy, for the segment's may have been
 * overwritten.
 */
struct sp_code_ranges {
    struct sp_code at[SP_CODE_RANGES];
    uint32_t n;
};

/*
 * Publishes the code ranges among the live `mappings`, in `memory`, where they are not what is published. Returns
 * whether anything changed. Without memory everything stays as it was.
 */
bool sp_code_ranges_publish(struct sp_code_ranges *published, const struct sp_mappings *mappings,
                            struct sp_unwind_memory *memory);

#endif
