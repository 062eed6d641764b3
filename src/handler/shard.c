/*
 * Try-lock, probe, write in place, add up equals.
 *
 * Place on the way of a sample: unwind → *shard* → collector. Context: signal handler, on any number of threads at
 * once; the shard's lock keeps them and the collector apart, and who does not get it goes to the next shard. A handler
 * that was killed while it held a lock leaves it locked: the other shards serve, and the collector's last drain reads
 * the half without it (segment.h says why that is safe).
 *
 * Nothing read from the segment is trusted to be in range: the host may have overwritten it.
 */
#include "handler/shard.h"

#include "handler/poison.h"

static bool has_room(const struct sp_segment *segment, uint32_t used, uint32_t need)
{
    return used <= segment->geometry.half_words && segment->geometry.half_words - used >= need;
}

bool sp_shard_begin(const struct sp_segment *segment, uint32_t first, uint32_t depth,
                    struct sp_reservation *reservation, enum sp_loss *reason)
{
    const uint32_t n = segment->geometry.n_shards;
    *reason = SP_LOSS_BUSY;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t number = (first + i) & (n - 1);
        struct sp_shard *shard = sp_segment_shard(segment, number);
        if (sp_load_relaxed(&shard->lock) != 0 || sp_exchange_acquire(&shard->lock, 1) != 0)
            continue;
        const uint32_t half = sp_load_relaxed(&shard->active) & 1;
        const uint32_t used = sp_load_relaxed(&shard->used[half]);
        if (has_room(segment, used, SP_RECORD_HEAD_WORDS + depth)) {
            *reservation = (struct sp_reservation){
                segment, number, half, used, sp_segment_records(segment, number, half) + used, SP_RECORD_SAMPLE};
            return true;
        }
        sp_store_release(&shard->lock, 0);
        *reason = SP_LOSS_FULL;
    }
    return false;
}

static inline uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

/* Mixes all that makes a sample the same as another: words 1 and 2, the end and the pcs. */
static uint32_t hash_record(const uint64_t *record, uint32_t depth, enum sp_stack_end end)
{
    /* Four chains side by side: the multiplier's latency is what this loop waits for. */
    uint64_t a = record[1], b = record[2], c = (uint64_t)end, d = depth;
    const uint64_t *pcs = record + SP_RECORD_HEAD_WORDS;
    uint32_t i = 0;
    for (; i + 4 <= depth; i += 4) {
        a = mix(a, pcs[i]);
        b = mix(b, pcs[i + 1]);
        c = mix(c, pcs[i + 2]);
        d = mix(d, pcs[i + 3]);
    }
    for (; i < depth; i++)
        a = mix(a, pcs[i]);
    return (uint32_t)(mix(mix(mix(a, b), c), d) >> 32);
}

static bool is_same(const uint64_t *a, const uint64_t *b, uint32_t depth)
{
    if (a[0] != b[0] || a[1] != b[1] || a[2] != b[2])
        return false;
    for (uint32_t i = SP_RECORD_HEAD_WORDS; i < SP_RECORD_HEAD_WORDS + depth; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

/* The record equal to the reserved one among the bucket's entries, or NULL. */
static uint64_t *find_same(const struct sp_reservation *at, const uint64_t *bucket, uint32_t hash, uint32_t depth)
{
    uint64_t *records = sp_segment_records(at->segment, at->shard, at->half);
    for (uint32_t way = 0; way < SP_BUCKET_WAYS; way++) {
        const uint32_t position = (uint32_t)bucket[way] - 1;
        if (bucket[way] >> 32 != hash || (uint32_t)bucket[way] == 0 || position >= at->position ||
            at->position - position < SP_RECORD_HEAD_WORDS + depth)
            continue;
        if (is_same(records + position, at->record, depth))
            return records + position;
    }
    return NULL;
}

/* Enters the new record: in a free way, or in the place of the way that `hash` picks. */
static void enter(uint64_t *bucket, uint32_t hash, uint32_t position)
{
    uint32_t way = 0;
    while (way < SP_BUCKET_WAYS && bucket[way] != 0)
        way++;
    if (way == SP_BUCKET_WAYS)
        way = (hash ^ position) % SP_BUCKET_WAYS;
    bucket[way] = (uint64_t)hash << 32 | (position + 1);
}

/* Makes the reserved record part of the half. */
static void append(const struct sp_reservation *at, struct sp_shard *shard, uint32_t depth, uint64_t deliveries,
                   uint64_t weight)
{
    at->record[3] = deliveries;
    at->record[4] = weight;
    sp_store_release(&shard->used[at->half], at->position + SP_RECORD_HEAD_WORDS + depth);
}

static void count_and_unlock(struct sp_shard *shard, uint64_t deliveries, uint64_t weight)
{
    sp_store_relaxed(&shard->recorded.deliveries, sp_load_relaxed(&shard->recorded.deliveries) + deliveries);
    sp_store_relaxed(&shard->recorded.weight, sp_load_relaxed(&shard->recorded.weight) + weight);
    sp_store_release(&shard->lock, 0);
}

void sp_shard_commit(struct sp_reservation *at, uint32_t depth, enum sp_stack_end end, uint64_t weight)
{
    struct sp_shard *shard = sp_segment_shard(at->segment, at->shard);
    const uint32_t hash = hash_record(at->record, depth, end);
    const uint32_t bucket_number = hash & (at->segment->geometry.n_buckets - 1);
    uint64_t *bucket = sp_segment_buckets(at->segment, at->shard, at->half) + (size_t)bucket_number * SP_BUCKET_WAYS;
    at->record[0] = (uint64_t)hash << 32 | (uint64_t)depth << 16 | (uint64_t)at->kind << 8 | (uint64_t)end;
    uint64_t *same = find_same(at, bucket, hash, depth);
    if (same != NULL) {
        same[3]++;
        same[4] += weight;
    } else {
        append(at, shard, depth, 1, weight);
        enter(bucket, hash, at->position);
    }
    count_and_unlock(shard, 1, weight);
}

void sp_shard_commit_end(struct sp_reservation *at, uint64_t weight)
{
    struct sp_shard *shard = sp_segment_shard(at->segment, at->shard);
    const uint64_t deliveries = weight > 0 ? 1 : 0;
    at->record[0] = (uint64_t)SP_END_WORDS << 16 | (uint64_t)SP_RECORD_END << 8 | (uint64_t)SP_STACK_COMPLETE;
    append(at, shard, SP_END_WORDS, deliveries, weight);
    count_and_unlock(shard, deliveries, weight);
}
