/*
 * A segment of a size chosen by the test, on the heap, so that AddressSanitizer sees who leaves it. For tests of the
 * handler's parts: they run on another CPU too, without the session.
 */
#ifndef SIGPROF_TESTS_SMALL_SEGMENT_H
#define SIGPROF_TESTS_SMALL_SEGMENT_H

#include "check.h"

#include <stdlib.h>

#include "handler/segment.h"

struct small_segment {
    uint32_t max_depth, n_slots, n_shards, n_buckets, half_words;
};

static inline struct sp_segment new_segment(struct small_segment wanted)
{
    struct sp_segment segment = {.geometry = {.version = SP_SEGMENT_VERSION,
                                              .max_depth = wanted.max_depth != 0 ? wanted.max_depth : 16,
                                              .n_slots = wanted.n_slots != 0 ? wanted.n_slots : 16,
                                              .n_shards = wanted.n_shards != 0 ? wanted.n_shards : 2,
                                              .n_buckets = wanted.n_buckets != 0 ? wanted.n_buckets : 8,
                                              .half_words = wanted.half_words != 0 ? wanted.half_words : 256,
                                              /* CPU time that no test uses: its timers never fire */
                                              .period_ns = UINT64_C(3600000000000),
                                              .backstop_periods = 1}};
    assert_true(sp_geometry_layout(&segment.geometry));
    segment.header = aligned_alloc(4096, segment.geometry.bytes);
    assert_non_null(segment.header);
    memset((void *)segment.header, 0, segment.geometry.bytes);
    memcpy(segment.header->magic, "sigprof", sizeof segment.header->magic);
    segment.header->geometry = segment.geometry;
    sp_store_relaxed(&segment.header->slots_ready, segment.geometry.n_slots);
    sp_store_relaxed(&segment.header->trigger, (uint32_t)SP_TRIGGER_TIMER);
    sp_store_relaxed(&segment.header->trigger_asked, (uint32_t)SP_TRIGGER_TIMER);
    return segment;
}

static inline void free_segment(struct sp_segment *segment)
{
    free(segment->header);
    segment->header = NULL;
}

/* What the records of one half, or of all, add up to. */
struct totals {
    uint64_t records, deliveries, weight;
};

static inline struct totals totals_of_half(const struct sp_segment *segment, uint32_t shard, uint32_t half)
{
    struct totals totals = {0};
    const uint64_t *records = sp_segment_records(segment, shard, half);
    const uint32_t used = sp_load_relaxed(&sp_segment_shard(segment, shard)->used[half]);
    assert_true(used <= segment->geometry.half_words);
    for (uint32_t at = 0; at < used; at += SP_RECORD_HEAD_WORDS + sp_record_depth(records[at])) {
        totals.records++;
        totals.deliveries += records[at + 3];
        totals.weight += records[at + 4];
    }
    return totals;
}

static inline struct totals totals_of(const struct sp_segment *segment)
{
    struct totals sum = {0};
    for (uint32_t i = 0; i < 2 * segment->geometry.n_shards; i++) {
        const struct totals part = totals_of_half(segment, i / 2, i % 2);
        sum.records += part.records;
        sum.deliveries += part.deliveries;
        sum.weight += part.weight;
    }
    return sum;
}

#endif
