/* Shards: equal stacks add up, different ones stay apart, and nothing is written where there is no room. */
#include "handler/shard.h"

#include <pthread.h>

#include "small_segment.h"

/* Takes a sample of `depth` frames, pc, pc + 1, ..., beginning the search at shard `first`. */
static bool sample(const struct sp_segment *segment, uint32_t first, int32_t tid, uint64_t pc, uint32_t depth,
                   uint64_t weight, enum sp_loss *reason)
{
    struct sp_reservation at;
    if (!sp_shard_begin(segment, first, segment->geometry.max_depth, &at, reason))
        return false;
    at.record[1] = 1;
    at.record[2] = (uint32_t)tid;
    for (uint32_t i = 0; i < depth; i++)
        at.record[SP_RECORD_HEAD_WORDS + i] = pc + i;
    sp_shard_commit(&at, depth, SP_STACK_COMPLETE, weight);
    return true;
}

static void take(const struct sp_segment *segment, uint32_t first, int32_t tid, uint64_t pc, uint32_t depth)
{
    enum sp_loss reason;
    assert_true(sample(segment, first, tid, pc, depth, 1, &reason));
}

static void test_shard_equal_stacks_add_up(void **state)
{
    (void)state;
    enum sp_loss reason;
    struct sp_segment segment = new_segment((struct small_segment){0});
    for (uint64_t weight = 1; weight <= 100; weight++)
        assert_true(sample(&segment, 0, 7, 0x1000, 5, weight, &reason));
    const struct totals totals = totals_of_half(&segment, 0, 0);
    assert_int_equal(totals.records, 1);
    assert_int_equal(totals.deliveries, 100);
    assert_int_equal(totals.weight, 5050);
    assert_int_equal(sp_load_relaxed(&sp_segment_shard(&segment, 0)->recorded.deliveries), 100);
    assert_int_equal(sp_load_relaxed(&sp_segment_shard(&segment, 0)->recorded.weight), 5050);
    free_segment(&segment);
}

static void test_shard_unlike_stacks_stay_apart(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){0});
    take(&segment, 0, 7, 0x1000, 5);
    take(&segment, 0, 8, 0x1000, 5); /* another thread */
    take(&segment, 0, 7, 0x1001, 5); /* other frames */
    take(&segment, 0, 7, 0x1000, 4); /* the same frames, one fewer */
    assert_int_equal(totals_of(&segment).records, 4);
    struct sp_reservation at; /* another end */
    enum sp_loss reason;
    assert_true(sp_shard_begin(&segment, 0, 16, &at, &reason));
    at.record[1] = 1;
    at.record[2] = 7;
    for (uint32_t i = 0; i < 5; i++)
        at.record[SP_RECORD_HEAD_WORDS + i] = 0x1000 + i;
    sp_shard_commit(&at, 5, SP_STACK_CUT_DEPTH, 1);
    assert_int_equal(totals_of(&segment).records, 5);
    free_segment(&segment);
}

/* The last record of a thread is short: it finds room where the deepest stack does not, and is never added to another.
 */
static void test_shard_end_takes_what_it_needs(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){.n_shards = 1, .half_words = 3 * 21 + 8});
    enum sp_loss reason;
    unsigned ends = 0;
    while (sample(&segment, 0, 7, 0x1000 + ends, 16, 1, &reason))
        ends++;
    assert_int_equal(reason, SP_LOSS_FULL);
    const uint64_t samples = totals_of(&segment).records;
    struct sp_reservation at;
    for (ends = 0; sp_shard_begin(&segment, 0, SP_END_WORDS, &at, &reason); ends++) {
        at.record[1] = 1;
        at.record[2] = 7;
        for (uint32_t i = 0; i < SP_END_WORDS; i++)
            at.record[SP_RECORD_HEAD_WORDS + i] = 1;
        sp_shard_commit_end(&at, 2);
    }
    assert_true(ends >= 1);
    assert_int_equal(totals_of(&segment).records, samples + ends);
    assert_int_equal(totals_of(&segment).weight, samples + 2 * (uint64_t)ends);
    free_segment(&segment);
}

/* With one bucket of four ways, eight stacks by turns push each other out of it: none is lost, some stand twice. */
static void test_shard_bucket_overflow_keeps_all(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){.n_buckets = 1, .n_shards = 1, .half_words = 4096});
    for (unsigned round = 0; round < 20; round++)
        for (uint64_t i = 0; i < 8; i++)
            take(&segment, 0, 7, 0x1000 * (i + 1), 3);
    const struct totals totals = totals_of(&segment);
    assert_true(totals.records >= 8);
    assert_int_equal(totals.deliveries, 160);
    free_segment(&segment);
}

static void test_shard_full_is_a_loss_and_ends_at_the_half(void **state)
{
    (void)state;
    enum sp_loss reason = SP_LOSS_BUSY;
    struct sp_segment segment = new_segment((struct small_segment){.n_shards = 2, .half_words = 50});
    uint64_t *behind = sp_segment_records(&segment, 0, 0) + segment.geometry.half_words;
    const uint64_t *next_half = sp_segment_buckets(&segment, 0, 1);
    uint64_t taken = 0;
    while (sample(&segment, 0, 7, 0x1000 * (taken + 1), 16, 1, &reason))
        taken++;
    assert_int_equal(reason, SP_LOSS_FULL);
    assert_int_equal(taken, 2 * (50 / (SP_RECORD_HEAD_WORDS + 16)));
    assert_int_equal(totals_of(&segment).deliveries, taken);
    while (behind < next_half)
        assert_int_equal(*behind++, 0);
    /* It stays so, and the locks are free. */
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(sp_load_relaxed(&sp_segment_shard(&segment, i)->lock), 0);
    assert_false(sample(&segment, 1, 7, 1, 1, 1, &reason));
    free_segment(&segment);
}

static void test_shard_full_goes_to_the_next(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){.n_shards = 4});
    sp_store_relaxed(&sp_segment_shard(&segment, 3)->used[0], segment.geometry.half_words);
    take(&segment, 3, 7, 0x1000, 2);
    assert_int_equal(totals_of_half(&segment, 0, 0).records, 1);
    free_segment(&segment);
}

static void test_shard_all_locked_is_busy(void **state)
{
    (void)state;
    enum sp_loss reason = SP_LOSS_FULL;
    struct sp_segment segment = new_segment((struct small_segment){.n_shards = 4});
    for (uint32_t i = 0; i < 4; i++)
        sp_store_relaxed(&sp_segment_shard(&segment, i)->lock, 1u);
    assert_false(sample(&segment, 2, 7, 0x1000, 2, 1, &reason));
    assert_int_equal(reason, SP_LOSS_BUSY);
    sp_store_relaxed(&sp_segment_shard(&segment, 1)->lock, 0u);
    assert_true(sample(&segment, 2, 7, 0x1000, 2, 1, &reason));
    assert_int_equal(totals_of_half(&segment, 1, 0).records, 1);
    free_segment(&segment);
}

static void test_shard_writes_the_active_half(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){.n_shards = 1});
    sp_store_relaxed(&sp_segment_shard(&segment, 0)->active, 1u);
    take(&segment, 0, 7, 0x1000, 2);
    sp_store_relaxed(&sp_segment_shard(&segment, 0)->active, 0xfffffffeu); /* damaged: its low bit counts */
    take(&segment, 0, 7, 0x1000, 2);
    assert_int_equal(totals_of_half(&segment, 0, 1).records, 1);
    assert_int_equal(totals_of_half(&segment, 0, 0).records, 1);
    free_segment(&segment);
}

static void test_shard_damaged_used_is_full(void **state)
{
    (void)state;
    static const uint32_t wrong[] = {257, 0x7fffffff, 0xffffffff, 0xfffffff0, 240, 256};
    struct sp_segment segment = new_segment((struct small_segment){.n_shards = 1});
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        enum sp_loss reason = SP_LOSS_BUSY;
        sp_store_relaxed(&sp_segment_shard(&segment, 0)->used[0], wrong[i]);
        assert_false(sample(&segment, 0, 7, 0x1000, 16, 1, &reason));
        assert_int_equal(reason, SP_LOSS_FULL);
    }
    free_segment(&segment);
}

/* Hash entries of random bits, also ones with the right hash and a wrong position. The handler is not instrumented, so
 * the records around are watched for changes. */
static void test_shard_damaged_buckets_are_survived(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    struct sp_segment segment = new_segment((struct small_segment){.n_shards = 1, .n_buckets = 2, .half_words = 4096});
    uint64_t *buckets = sp_segment_buckets(&segment, 0, 0);
    uint64_t taken = 0;
    for (unsigned round = 0; round < 100; round++) {
        for (uint32_t i = 0; i < 2 * SP_BUCKET_WAYS; i++)
            buckets[i] = next_random(&random);
        take(&segment, 0, 7, 0x1000, 3);
        const uint64_t hash = sp_segment_records(&segment, 0, 0)[0] >> 32;
        for (uint32_t i = 0; i < 2 * SP_BUCKET_WAYS; i++)
            buckets[i] = hash << 32 | (uint32_t)next_random(&random);
        take(&segment, 0, 7, 0x1000, 3);
        taken += 2;
    }
    assert_int_equal(totals_of(&segment).deliveries, taken);
    const uint64_t *other = sp_segment_buckets(&segment, 0, 1);
    for (uint64_t i = 0; i < segment.geometry.half_bytes / 8; i++)
        assert_int_equal(other[i], 0);
    free_segment(&segment);
}

enum { WRITERS = 4, SAMPLES = 20000 };

struct writer {
    const struct sp_segment *segment;
    int32_t tid;
    uint64_t taken, lost[SP_LOSSES];
};

static void *write_samples(void *argument)
{
    struct writer *writer = argument;
    for (uint32_t i = 0; i < SAMPLES; i++) {
        enum sp_loss reason;
        if (sample(writer->segment, (uint32_t)writer->tid, writer->tid, 0x1000 * (1 + i % 50), 4, 1, &reason))
            writer->taken++;
        else
            writer->lost[reason]++;
    }
    return NULL;
}

/* Four writers, two shards: some find both locked. What begin gave is there, what it refused is not. */
static void test_shard_writers_at_once_lose_nothing_taken(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){.half_words = 1 << 16, .n_buckets = 256});
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];
    uint64_t taken = 0;
    for (int32_t i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.segment = &segment, .tid = i + 1};
        assert_int_equal(pthread_create(&threads[i], NULL, write_samples, &writers[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(writers[i].lost[SP_LOSS_FULL], 0);
        assert_int_equal(writers[i].taken + writers[i].lost[SP_LOSS_BUSY], SAMPLES);
        taken += writers[i].taken;
    }
    assert_int_equal(totals_of(&segment).deliveries, taken);
    uint64_t recorded = 0;
    for (uint32_t i = 0; i < 2; i++)
        recorded += sp_load_relaxed(&sp_segment_shard(&segment, i)->recorded.deliveries);
    assert_int_equal(recorded, taken);
    free_segment(&segment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shard_equal_stacks_add_up),
        cmocka_unit_test(test_shard_unlike_stacks_stay_apart),
        cmocka_unit_test(test_shard_end_takes_what_it_needs),
        cmocka_unit_test(test_shard_bucket_overflow_keeps_all),
        cmocka_unit_test(test_shard_full_is_a_loss_and_ends_at_the_half),
        cmocka_unit_test(test_shard_full_goes_to_the_next),
        cmocka_unit_test(test_shard_all_locked_is_busy),
        cmocka_unit_test(test_shard_writes_the_active_half),
        cmocka_unit_test(test_shard_damaged_used_is_full),
        cmocka_unit_test(test_shard_damaged_buckets_are_survived),
        cmocka_unit_test(test_shard_writers_at_once_lose_nothing_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
