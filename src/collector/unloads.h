/*
 * Out of a segment's log comes what was unloaded, each entry checked.
 *
 * Place: collector, its only reader of the log; struct sp_unload_log has what it is for. Context: ordinary code, one
 * thread at a time; the target writes meanwhile.
 */
#ifndef SIGPROF_COLLECTOR_UNLOADS_H
#define SIGPROF_COLLECTOR_UNLOADS_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/build_id.h"
#include "handler/segment.h"

/* An object that was loaded in epoch `from`, and, unless it is present, in none from `until` on; copied out of the
 * segment. */
struct sp_unload {
    uint64_t from, until;
    enum sp_unload_kind kind;
    uint32_t n_parts;
    struct {
        uint64_t start, limit, file_offset;
    } parts[SP_UNLOAD_PARTS]; /* what is executable of it */
    char build_id[SP_BUILD_ID_TEXT];
    char path[SP_UNLOAD_PATH_BYTES + 1]; /* "": not known */
};

/* Where a reader is: zero in the beginning. */
struct sp_unload_reader {
    uint64_t taken, untold;
};

/* What the log says beside its entries. */
struct sp_unload_state {
    uint64_t epoch;         /* of the time when the entries were taken, or a little later */
    bool is_open;           /* something is being unloaded, and not all of it may have been told */
    bool is_gap;            /* something could not be told, or made no sense, ... */
    uint64_t unknown_until; /* ... and so nothing is known of earlier epochs */
    uint64_t untold;        /* how often, since the last call */
};

typedef void sp_take_unload(void *user, const struct sp_unload *unload);

/* Gives each entry that is new to `take`. */
struct sp_unload_state sp_unloads_take(const struct sp_segment *segment, struct sp_unload_reader *reader,
                                       sp_take_unload *take, void *user);

/* The whole number of an epoch of which a record has the low half, near to `epoch`. */
static inline uint64_t sp_whole_epoch(uint32_t low, uint64_t epoch)
{
    return epoch + (uint64_t)(int64_t)(int32_t)(low - (uint32_t)epoch);
}

#endif
