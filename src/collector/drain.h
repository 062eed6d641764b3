/*
 * Out of a segment's halves come records, each checked.
 *
 * Place: collector, its only reader of shards. Context: ordinary code, one thread at a time; handlers write other
 * halves meanwhile.
 */
#ifndef SIGPROF_COLLECTOR_DRAIN_H
#define SIGPROF_COLLECTOR_DRAIN_H

#include <stdint.h>

#include "handler/segment.h"

/* A record, copied out of the segment. */
struct sp_record {
    uint64_t slot_generation;
    int32_t tid;
    uint32_t epoch; /* its low half: struct sp_unload_log */
    enum sp_record_kind kind;
    enum sp_stack_end end;
    uint64_t deliveries, weight; /* of SP_RECORD_END both may be 0 */
    uint32_t depth;              /* of SP_RECORD_END 1: the start routine */
    uint64_t pcs[SP_DEPTH_LIMIT];
    uint64_t clock_ns, since_ns; /* of SP_RECORD_END: the thread's CPU clock, and where on it its account began */
};

typedef void sp_take_record(void *user, const struct sp_record *record);

/* What is to be read of each shard: a set of 1 << half. */
struct sp_turned {
    uint8_t halves[SP_SHARDS_LIMIT];
};

/*
 * Turns each shard over, so that the half that was active can be read. With `is_last`, no lock is taken and both halves
 * are to be read: for when nobody writes any more. All samples that are going to be read have been taken when this
 * returns, so that what is asked of the process from then on is not older than any of them.
 */
void sp_drain_turn(const struct sp_segment *segment, bool is_last, struct sp_turned *turned);

/*
 * Gives every record of what was turned to `take`. Returns how many records or halves were skipped because they made no
 * sense. `scratch` is working room.
 */
uint64_t sp_drain_read(const struct sp_segment *segment, const struct sp_turned *turned, struct sp_record *scratch,
                       sp_take_record *take, void *user);

#endif
