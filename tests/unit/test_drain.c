/* Reading halves that handlers filled, and halves that hold anything at all. */
#include "collector/drain.h"

#include "small_segment.h"

struct taken {
    uint64_t records, deliveries, weight, frames, ends;
    uint32_t max_depth;
    bool is_sane;
    struct sp_record last;
};

static void take(void *user, const struct sp_record *record)
{
    struct taken *taken = user;
    taken->records++;
    taken->deliveries += record->deliveries;
    taken->weight += record->weight;
    taken->frames += record->depth;
    taken->ends += record->kind == SP_RECORD_END;
    taken->is_sane &= record->depth >= 1 && record->depth <= taken->max_depth && record->end < SP_STACK_ENDS &&
                      record->tid > 0 && record->weight >= record->deliveries;
    taken->is_sane &= record->kind == SP_RECORD_END ? record->depth == 1 && record->clock_ns >= record->since_ns &&
                                                          record->deliveries == (record->weight > 0)
                                                    : record->kind == SP_RECORD_SAMPLE && record->deliveries > 0;
    taken->last = *record;
}

static struct sp_record scratch;

static uint64_t drain(const struct sp_segment *segment, bool is_last, struct taken *taken)
{
    memset(taken, 0, sizeof *taken);
    taken->max_depth = segment->geometry.max_depth;
    taken->is_sane = true;
    struct sp_turned turned;
    sp_drain_turn(segment, is_last, &turned);
    const uint64_t damaged = sp_drain_read(segment, &turned, &scratch, take, taken);
    assert_true(taken->is_sane);
    return damaged;
}

/* Appends a record by hand. */
static uint64_t *put(const struct sp_segment *segment, uint32_t shard, uint32_t half, uint32_t depth, uint64_t weight)
{
    _Atomic uint32_t *used = &sp_segment_shard(segment, shard)->used[half];
    uint64_t *record = sp_segment_records(segment, shard, half) + sp_load_relaxed(used);
    record[0] = (uint64_t)depth << 16 | SP_STACK_COMPLETE;
    record[1] = 1;
    record[2] = 7;
    record[3] = 1;
    record[4] = weight;
    for (uint32_t i = 0; i < depth; i++)
        record[SP_RECORD_HEAD_WORDS + i] = 0x1000 + i;
    sp_store_relaxed(used, sp_load_relaxed(used) + SP_RECORD_HEAD_WORDS + depth);
    return record;
}

/* Appends the last record of a thread. */
static uint64_t *put_end(const struct sp_segment *segment, uint64_t weight)
{
    uint64_t *record = put(segment, 0, 0, SP_END_WORDS, weight);
    record[0] |= SP_RECORD_END << 8;
    record[3] = weight > 0;
    record[SP_RECORD_HEAD_WORDS] = 0x1000;
    record[SP_RECORD_HEAD_WORDS + 1] = 900;
    record[SP_RECORD_HEAD_WORDS + 2] = 200;
    return record;
}

static void test_drain_end_record_has_clock_and_start_routine(void **state)
{
    (void)state;
    static struct taken taken;
    struct sp_segment segment = new_segment((struct small_segment){.max_depth = 1});
    put_end(&segment, 3);
    assert_int_equal(drain(&segment, false, &taken), 0);
    assert_int_equal(taken.ends, 1);
    assert_int_equal(taken.last.depth, 1);
    assert_int_equal(taken.last.pcs[0], 0x1000);
    assert_int_equal(taken.last.clock_ns, 900);
    assert_int_equal(taken.last.since_ns, 200);
    assert_int_equal(taken.last.weight, 3);
    free_segment(&segment);
}

static void test_drain_end_record_may_be_empty(void **state)
{
    (void)state;
    static struct taken taken;
    struct sp_segment segment = new_segment((struct small_segment){0});
    put_end(&segment, 0)[SP_RECORD_HEAD_WORDS] = 0; /* nothing owed, so no place is needed */
    put(&segment, 0, 0, 2, 1);
    assert_int_equal(drain(&segment, false, &taken), 0);
    assert_int_equal(taken.records, 2);
    assert_int_equal(taken.ends, 1);
    assert_int_equal(taken.weight, 1);
    free_segment(&segment);
}

static void expect_bad_end(uint32_t word, uint64_t value)
{
    static struct taken taken;
    struct sp_segment segment = new_segment((struct small_segment){0});
    put_end(&segment, 3)[word] = value;
    assert_int_equal(drain(&segment, false, &taken), 1);
    assert_int_equal(taken.records, 0);
    free_segment(&segment);
}

static void test_drain_damaged_end_record_is_skipped_and_counted(void **state)
{
    (void)state;
    expect_bad_end(0, (uint64_t)(SP_END_WORDS - 1) << 16 | SP_RECORD_END << 8);
    expect_bad_end(0, (uint64_t)(SP_END_WORDS + 1) << 16 | SP_RECORD_END << 8);
    expect_bad_end(0, (uint64_t)SP_END_WORDS << 16 | SP_RECORD_KINDS << 8);
    expect_bad_end(3, 2);                          /* more than one delivery */
    expect_bad_end(4, 0);                          /* a delivery of nothing */
    expect_bad_end(4, (uint64_t)1 << 40);          /* more CPU time than there is */
    expect_bad_end(SP_RECORD_HEAD_WORDS, 0);       /* owed, and no place for it */
    expect_bad_end(SP_RECORD_HEAD_WORDS + 1, 199); /* ended before it began */
    expect_bad_end(SP_RECORD_HEAD_WORDS + 1, (uint64_t)1 << 60);
    expect_bad_end(SP_RECORD_HEAD_WORDS + 2, UINT64_MAX);
}

static void test_drain_takes_each_record_once(void **state)
{
    (void)state;
    static struct taken taken;
    struct sp_segment segment = new_segment((struct small_segment){0});
    put(&segment, 0, 0, 3, 1);
    put(&segment, 0, 0, 16, 5);
    put(&segment, 1, 0, 1, 2);
    sp_segment_buckets(&segment, 0, 0)[3] = 12345;
    assert_int_equal(drain(&segment, false, &taken), 0);
    assert_int_equal(taken.records, 3);
    assert_int_equal(taken.weight, 8);
    assert_int_equal(taken.frames, 20);
    assert_int_equal(sp_load_relaxed(&sp_segment_shard(&segment, 0)->active), 1);
    assert_int_equal(sp_load_relaxed(&sp_segment_shard(&segment, 0)->lock), 0);
    assert_int_equal(sp_segment_buckets(&segment, 0, 0)[3], 0);
    assert_int_equal(drain(&segment, false, &taken), 0);
    assert_int_equal(taken.records, 0);
    put(&segment, 0, 1, 2, 1); /* the other half's turn */
    drain(&segment, false, &taken);
    assert_int_equal(taken.records, 1);
    free_segment(&segment);
}

static void test_drain_locked_shard_is_left_for_the_last(void **state)
{
    (void)state;
    static struct taken taken;
    struct sp_segment segment = new_segment((struct small_segment){0});
    put(&segment, 0, 0, 3, 1);
    put(&segment, 0, 1, 3, 1);
    put(&segment, 1, 0, 3, 1);
    sp_store_relaxed(&sp_segment_shard(&segment, 0)->lock, 1u); /* its holder was killed */
    assert_int_equal(drain(&segment, false, &taken), 0);
    assert_int_equal(taken.records, 1);
    assert_int_equal(drain(&segment, true, &taken), 0);
    assert_int_equal(taken.records, 2);
    assert_int_equal(drain(&segment, true, &taken), 0);
    assert_int_equal(taken.records, 0);
    free_segment(&segment);
}

static void expect_damage(void (*spoil)(const struct sp_segment *segment, uint64_t *record), uint64_t records)
{
    static struct taken taken;
    struct sp_segment segment = new_segment((struct small_segment){0});
    put(&segment, 0, 0, 3, 1);
    spoil(&segment, put(&segment, 0, 0, 3, 1));
    put(&segment, 1, 0, 3, 1); /* another shard is not concerned */
    assert_int_equal(drain(&segment, false, &taken), 1);
    assert_int_equal(taken.records, records);
    assert_int_equal(drain(&segment, false, &taken), 0); /* said once, and the half serves again */
    free_segment(&segment);
}

static void depth_zero(const struct sp_segment *segment, uint64_t *record)
{
    (void)segment;
    record[0] = 0;
}

static void depth_too_large(const struct sp_segment *segment, uint64_t *record)
{
    record[0] = (uint64_t)(segment->geometry.max_depth + 1) << 16;
}

static void depth_beyond_used(const struct sp_segment *segment, uint64_t *record)
{
    (void)segment;
    record[0] = (uint64_t)4 << 16;
}

static void end_unknown(const struct sp_segment *segment, uint64_t *record)
{
    (void)segment;
    record[0] |= 0x80;
}

static void no_deliveries(const struct sp_segment *segment, uint64_t *record)
{
    (void)segment;
    record[3] = 0;
}

static void weight_below_deliveries(const struct sp_segment *segment, uint64_t *record)
{
    (void)segment;
    record[3] = 2;
}

static void weight_enormous(const struct sp_segment *segment, uint64_t *record)
{
    (void)segment;
    record[4] = UINT64_MAX;
}

static void tid_negative(const struct sp_segment *segment, uint64_t *record)
{
    (void)segment;
    record[2] = 0xffffffff;
}

static void used_inside_a_record(const struct sp_segment *segment, uint64_t *record)
{
    (void)record;
    sp_store_relaxed(&sp_segment_shard(segment, 0)->used[0], 8u + 4u);
}

static void test_drain_damaged_record_is_skipped_and_counted(void **state)
{
    (void)state;
    expect_damage(depth_zero, 2);
    expect_damage(depth_too_large, 2);
    expect_damage(depth_beyond_used, 2);
    expect_damage(end_unknown, 2);
    expect_damage(no_deliveries, 2);
    expect_damage(weight_below_deliveries, 2);
    expect_damage(weight_enormous, 2);
    expect_damage(tid_negative, 2);
    expect_damage(used_inside_a_record, 2);
}

static void test_drain_used_beyond_the_half_is_bounded(void **state)
{
    (void)state;
    static struct taken taken;
    struct sp_segment segment = new_segment((struct small_segment){0});
    put(&segment, 0, 0, 3, 1);
    sp_store_relaxed(&sp_segment_shard(&segment, 0)->used[0], UINT32_MAX);
    /* Once for `used`, once for the zeros behind the record. */
    assert_int_equal(drain(&segment, false, &taken), 2);
    assert_int_equal(taken.records, 1);
    free_segment(&segment);
}

/* Random words everywhere, some small, so that they pass the first checks. Bounds are AddressSanitizer's to watch. */
static void test_drain_random_bytes_end_in_bounds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        uint64_t random = seed * 0x9e3779b97f4a7c15u;
        static struct taken taken;
        struct sp_segment segment = new_segment((struct small_segment){.n_slots = 2, .half_words = 64});
        uint64_t *words = (uint64_t *)(void *)segment.header;
        for (uint64_t i = segment.geometry.shards_at / 8; i < segment.geometry.names_at / 8; i++) {
            const uint64_t r = next_random(&random);
            words[i] = seed % 3 == 0   ? r
                       : seed % 3 == 1 ? r & 0xf01ff
                                       : (r % 17) << 16 | (r >> 32) % 8 | (r >> 36) % 2 << 8;
        }
        if (seed % 2 == 0) /* else every lock is taken for good, and only the last drain gets anything */
            for (uint32_t i = 0; i < segment.geometry.n_shards; i++)
                sp_store_relaxed(&sp_segment_shard(&segment, i)->lock, 0u);
        if (seed % 2 == 0 || seed % 100 == 1) /* waiting for a lock takes time */
            drain(&segment, false, &taken);
        drain(&segment, true, &taken);
        for (uint32_t i = 0; i < segment.geometry.n_shards; i++)
            assert_int_equal(sp_load_relaxed(&sp_segment_shard(&segment, i)->used[0]) |
                                 sp_load_relaxed(&sp_segment_shard(&segment, i)->used[1]),
                             0);
        free_segment(&segment);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drain_end_record_has_clock_and_start_routine),
        cmocka_unit_test(test_drain_end_record_may_be_empty),
        cmocka_unit_test(test_drain_damaged_end_record_is_skipped_and_counted),
        cmocka_unit_test(test_drain_takes_each_record_once),
        cmocka_unit_test(test_drain_locked_shard_is_left_for_the_last),
        cmocka_unit_test(test_drain_damaged_record_is_skipped_and_counted),
        cmocka_unit_test(test_drain_used_beyond_the_half_is_bounded),
        cmocka_unit_test(test_drain_random_bytes_end_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
