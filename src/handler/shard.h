/*
 * Shards: where a handler puts its sample without waiting for anyone.
 *
 * Place on the way of a sample: unwind → *shard* → collector. See segment.h for the memory's layout.
 */
#ifndef SIGPROF_HANDLER_SHARD_H
#define SIGPROF_HANDLER_SHARD_H

#include <stdint.h>

#include "handler/segment.h"

#pragma GCC visibility push(hidden) /* else clang calls by way of a register: see check_handler.py */

/* Room for one record in a locked shard: begin gives it, commit takes it. */
struct sp_reservation {
    const struct sp_segment *segment;
    uint32_t shard;
    uint32_t half;
    uint32_t position; /* words before the record */
    uint64_t *record;
    enum sp_record_kind kind; /* SP_RECORD_SAMPLE, or what else the caller sets before the commit */
};

/*
 * Locks a shard with room for a record of `depth` frames, looking at `first` (any number) and those behind it, each
 * once. Returns true, and the caller must commit; or false and the reason. Signal handler; never waits.
 * The caller writes words 1 (slot and generation), 2 (tid) and the pcs of `reservation->record`.
 */
bool sp_shard_begin(const struct sp_segment *segment, uint32_t first, uint32_t depth,
                    struct sp_reservation *reservation, enum sp_loss *reason);

/*
 * Makes the reserved record, of `depth` frames ending by `end`, part of the half, or adds to an equal one there, and
 * unlocks. `weight` ≥ 1, in periods. Signal handler.
 */
void sp_shard_commit(struct sp_reservation *reservation, uint32_t depth, enum sp_stack_end end, uint64_t weight);

/*
 * Makes the reserved record, whose SP_END_WORDS the caller has written, the last one of its thread, and unlocks.
 * `weight` in periods, 0 when nothing is left to settle. Any context.
 */
void sp_shard_commit_end(struct sp_reservation *reservation, uint64_t weight);

#pragma GCC visibility pop

#endif
