/* Counters out of a segment: exact where they are sound, bounded where somebody has overwritten them. */
#include "collector/counters.h"

#include "small_segment.h"

#include <errno.h>

static void test_counters_of_all_stripes_and_shards_add_up(void **state)
{
    (void)state;
    struct sp_ledger ledger = {0};
    struct sp_segment segment = new_segment((struct small_segment){0});
    for (uint32_t i = 0; i < SP_STRIPES; i++) {
        struct sp_stripe *stripe = &segment.header->stripes[i];
        sp_store_relaxed(&stripe->fired.deliveries, (uint64_t)10 + i);
        sp_store_relaxed(&stripe->lost[SP_LOSS_NO_PLACE].weight, (uint64_t)2);
        sp_store_relaxed(&stripe->settled.weight, (uint64_t)3);
        sp_store_relaxed(&stripe->early, (uint64_t)4);
    }
    const uint32_t n_shards = segment.geometry.n_shards;
    for (uint32_t i = 0; i < n_shards; i++) {
        sp_store_relaxed(&sp_segment_shard(&segment, i)->frames, (uint64_t)500);
        sp_store_relaxed(&sp_segment_shard(&segment, i)->rules_missed, (uint64_t)7);
        sp_store_relaxed(&sp_segment_shard(&segment, i)->virtual_placed, (uint64_t)8);
        sp_store_relaxed(&sp_segment_shard(&segment, i)->virtual_dropped, (uint64_t)9);
        sp_store_relaxed(&sp_segment_shard(&segment, i)->tracebacks, (uint64_t)10);
        sp_store_relaxed(&sp_segment_shard(&segment, i)->tracebacks_overrun, (uint64_t)11);
    }
    sp_store_relaxed(&segment.header->threads_armed, (uint64_t)5);
    sp_counters_add(&segment, &ledger);
    sp_counters_add(&segment, &ledger); /* of another process */
    assert_int_equal(ledger.fired.deliveries, 2 * (16 * 10 + 120));
    assert_int_equal(ledger.lost[SP_LOSS_NO_PLACE].weight, 2 * 32);
    assert_int_equal(ledger.settled.weight, 2 * 48);
    assert_int_equal(ledger.early, 2 * 64);
    assert_int_equal(ledger.frames_walked, 2 * n_shards * 500);
    assert_int_equal(ledger.rules_missed, 2 * n_shards * 7);
    assert_int_equal(ledger.virtual_placed, 2 * n_shards * 8);
    assert_int_equal(ledger.virtual_dropped, 2 * n_shards * 9);
    assert_int_equal(ledger.tracebacks, 2 * n_shards * 10);
    assert_int_equal(ledger.tracebacks_overrun, 2 * n_shards * 11);
    assert_int_equal(ledger.threads_armed, 10);
    assert_int_equal(ledger.damaged, 0);
    free_segment(&segment);
}

static void test_counters_trigger_of_several_processes_is_mixed(void **state)
{
    (void)state;
    struct sp_ledger ledger = {0};
    struct sp_segment segment = new_segment((struct small_segment){0});
    sp_store_relaxed(&segment.header->triggers_used, 1u << SP_TRIGGER_PERF);
    sp_store_relaxed(&segment.header->trigger_asked, (uint32_t)SP_TRIGGER_PERF);
    sp_store_relaxed(&segment.header->tick_ns, (uint64_t)4000000);
    sp_counters_add(&segment, &ledger);
    assert_string_equal(sp_trigger_used_name(ledger.trigger_used), "perf");
    assert_string_equal(sp_trigger_name(ledger.trigger_asked), "perf");
    assert_int_equal(ledger.tick_ns, 4000000);
    assert_int_equal(ledger.perf_error, 0);
    sp_store_relaxed(&segment.header->triggers_used, 1u << SP_TRIGGER_TIMER);
    sp_store_relaxed(&segment.header->perf_refused, (uint64_t)1);
    sp_store_relaxed(&segment.header->perf_slowed, (uint64_t)3);
    sp_store_relaxed(&segment.header->perf_error, EACCES);
    sp_counters_add(&segment, &ledger);
    assert_string_equal(sp_trigger_used_name(ledger.trigger_used), "mixed");
    assert_int_equal(ledger.perf_slowed, 3);
    sp_store_relaxed(&segment.header->perf_error, EMFILE);
    sp_counters_add(&segment, &ledger);
    assert_int_equal(ledger.perf_error, EACCES); /* the first one is kept */
    free_segment(&segment);
}

static void test_counters_scribbled_segment_is_bounded(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct sp_ledger ledger = {0};
        uint64_t random = seed;
        struct sp_segment segment = new_segment((struct small_segment){0});
        uint64_t *words = (uint64_t *)(void *)segment.header;
        for (uint64_t i = 0; i < sizeof(struct sp_header) / sizeof *words; i++)
            words[i] = next_random(&random);
        sp_counters_add(&segment, &ledger);
        assert_true(ledger.damaged > 0);
        assert_true(ledger.fired.weight <= (uint64_t)SP_STRIPES << 48);
        assert_true(ledger.trigger_asked < SP_TRIGGERS);
        assert_true(ledger.tick_ns <= 1000000000);
        assert_true(ledger.perf_error <= SP_PERF_UNDER_SECCOMP && ledger.timer_error <= SP_PERF_UNDER_SECCOMP);
        free_segment(&segment);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters_of_all_stripes_and_shards_add_up),
        cmocka_unit_test(test_counters_trigger_of_several_processes_is_mixed),
        cmocka_unit_test(test_counters_scribbled_segment_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
