/*
 * Turning shards over, and reading what another process wrote.
 *
 * Place: collector. Context: ordinary code, one thread at a time; handlers of the target run beside it.
 *
 * The invariant: between two drains the inactive half of every shard is empty. So turning `active` needs the lock for
 * two loads and a store, and then the half that was active is ours until we turn again.
 *
 * Nothing read is trusted: `used` and each depth are held against the half's size, and a record is copied before it is
 * looked at, since the target may change it at any time. What does not make sense ends the half (the start of the next
 * record cannot be known), is counted, and is gone with the next turn, which empties the half.
 */
#include "collector/drain.h"

#include <sched.h>
#include <string.h>

enum { LOCK_TRIES = 1000 };

/* No thread uses more CPU time than this, a hundred days: a larger number was not written by a handler. */
static const uint64_t cpu_limit_ns = (uint64_t)1 << 53;

/* Words as the handler wrote them, one by one: the compiler may not read any twice. */
static uint64_t word(const uint64_t *at)
{
    return *(const volatile uint64_t *)at;
}

/* The words before the pcs, of a record that has `depth` words behind them. Whether they make sense together. */
static bool read_head(const struct sp_segment *segment, const uint64_t *at, struct sp_record *record)
{
    const uint64_t head = word(at);
    const uint32_t kind = sp_record_kind(head), end = sp_record_end(head);
    record->kind = (enum sp_record_kind)kind;
    record->end = (enum sp_stack_end)end;
    record->depth = sp_record_depth(head);
    record->slot_generation = word(at + 1);
    const uint64_t thread = word(at + 2);
    record->tid = (int32_t)thread;
    record->epoch = (uint32_t)(thread >> 32);
    record->deliveries = word(at + 3);
    record->weight = word(at + 4);
    return kind < SP_RECORD_KINDS && end < SP_STACK_ENDS && record->tid > 0 && record->weight >= record->deliveries &&
           record->weight <= cpu_limit_ns / segment->geometry.period_ns;
}

static bool read_sample(const struct sp_segment *segment, const uint64_t *words, struct sp_record *record)
{
    if (record->depth < 1 || record->depth > segment->geometry.max_depth || record->deliveries == 0)
        return false;
    for (uint32_t i = 0; i < record->depth; i++)
        record->pcs[i] = word(words + i);
    return true;
}

/* A thread's last record. Without a start routine there is no place for what the thread owed. */
static bool read_end(const uint64_t *words, struct sp_record *record)
{
    if (record->depth != SP_END_WORDS || record->deliveries != (record->weight > 0))
        return false;
    record->depth = 1;
    record->pcs[0] = word(words);
    record->clock_ns = word(words + 1);
    record->since_ns = word(words + 2);
    return (record->pcs[0] != 0 || record->weight == 0) && record->since_ns <= record->clock_ns &&
           record->clock_ns <= cpu_limit_ns;
}

/* Copies the record at `at`, of which `room` words are in use. Its length in words; 0 when it makes no sense. */
static uint32_t read_record(const struct sp_segment *segment, const uint64_t *at, uint32_t room,
                            struct sp_record *record)
{
    if (room < SP_RECORD_HEAD_WORDS || !read_head(segment, at, record) || record->depth > room - SP_RECORD_HEAD_WORDS)
        return 0;
    const uint32_t length = SP_RECORD_HEAD_WORDS + record->depth;
    const uint64_t *words = at + SP_RECORD_HEAD_WORDS;
    const bool is_good = record->kind == SP_RECORD_END ? read_end(words, record) : read_sample(segment, words, record);
    return is_good ? length : 0;
}

static uint64_t read_half(const struct sp_segment *segment, uint32_t shard, uint32_t half, struct sp_record *scratch,
                          sp_take_record *take, void *user)
{
    _Atomic uint32_t *used_at = &sp_segment_shard(segment, shard)->used[half];
    const uint32_t used = sp_load_acquire(used_at);
    const uint32_t limit = used < segment->geometry.half_words ? used : segment->geometry.half_words;
    const uint64_t *records = sp_segment_records(segment, shard, half);
    uint64_t damaged = used != limit;
    for (uint32_t at = 0; at < limit;) {
        const uint32_t length = read_record(segment, records + at, limit - at, scratch);
        if (length == 0) {
            damaged++;
            break;
        }
        take(user, scratch);
        at += length;
    }
    if (used != 0) {
        memset(sp_segment_buckets(segment, shard, half), 0,
               (size_t)segment->geometry.n_buckets * SP_BUCKET_WAYS * sizeof(uint64_t));
        sp_store_release(used_at, 0u);
    }
    return damaged;
}

/* Makes the other half active. False when a handler keeps the lock: its thread lost its CPU, or the lock is damaged. */
static bool turn(struct sp_shard *shard, uint32_t *was_active)
{
    for (unsigned tries = 0; sp_exchange_acquire(&shard->lock, 1u) != 0; tries++) {
        if (tries == LOCK_TRIES)
            return false;
        sched_yield();
    }
    *was_active = sp_load_relaxed(&shard->active) & 1;
    sp_store_relaxed(&shard->active, *was_active ^ 1);
    sp_store_release(&shard->lock, 0u);
    return true;
}

/* Nothing to do where there is nothing. */
static uint8_t halves_of(struct sp_shard *shard, bool is_last)
{
    uint32_t half;
    if (is_last)
        return 1 << 0 | 1 << 1;
    if ((sp_load_relaxed(&shard->used[0]) | sp_load_relaxed(&shard->used[1])) == 0 || !turn(shard, &half))
        return 0;
    return (uint8_t)(1 << half);
}

void sp_drain_turn(const struct sp_segment *segment, bool is_last, struct sp_turned *turned)
{
    for (uint32_t number = 0; number < segment->geometry.n_shards; number++)
        turned->halves[number] = halves_of(sp_segment_shard(segment, number), is_last);
}

uint64_t sp_drain_read(const struct sp_segment *segment, const struct sp_turned *turned, struct sp_record *scratch,
                       sp_take_record *take, void *user)
{
    uint64_t damaged = 0;
    for (uint32_t number = 0; number < segment->geometry.n_shards; number++)
        for (uint32_t half = 0; half < 2; half++)
            if ((turned->halves[number] >> half & 1) != 0)
                damaged += read_half(segment, number, half, scratch, take, user);
    return damaged;
}
