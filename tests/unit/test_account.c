/*
 * What a thread owes, and how it is settled. The thread is the test's own; its clock runs, its account is set by hand.
 */
#include "handler/account.h"

#include <signal.h>
#include <unistd.h>

#include "handler/threads.h"
#include "handler/trigger.h"
#include "small_segment.h"

enum { PERIOD_NS = 10000000 };

struct fixture {
    struct sp_segment segment;
    uint32_t slot;
    struct sp_slot *at;
    struct sp_stripe *stripe;
};

static struct fixture new_fixture(void)
{
    struct fixture fixture = {.segment = new_segment((struct small_segment){0})};
    const struct sp_birth birth = {.start_routine = 0x1234};
    fixture.slot = sp_thread_arm(&fixture.segment, (int32_t)gettid(), &birth);
    assert_int_not_equal(fixture.slot, 0);
    sp_trigger_stop(&fixture.segment, fixture.slot);
    fixture.segment.geometry.period_ns = PERIOD_NS;
    fixture.at = sp_segment_slot(&fixture.segment, fixture.slot);
    fixture.stripe = &fixture.segment.header->stripes[3];
    return fixture;
}

static void free_fixture(struct fixture *fixture)
{
    sp_thread_disarm(&fixture->segment, fixture->slot, SP_END_GONE, NULL);
    free_segment(&fixture->segment);
}

static void set(struct fixture *fixture, int64_t base_ns, uint64_t seen)
{
    sp_store_relaxed(&fixture->at->base_ns, base_ns);
    sp_store_relaxed(&fixture->at->seen, seen);
}

static void test_account_owes_what_is_due_and_not_seen(void **state)
{
    (void)state;
    struct fixture f = new_fixture();
    static const struct {
        int64_t base_ns;
        uint64_t seen, clock_ns, owed;
    } cases[] = {
        {0, 0, PERIOD_NS - 1, 0},
        {0, 0, PERIOD_NS, 1},
        {-1, 0, PERIOD_NS - 1, 1},
        {-(PERIOD_NS - 1), 0, 0, 0},
        {-(PERIOD_NS - 1), 0, 1, 1},
        {500, 0, 499, 0},
        {500, 0, 500 + 7 * (uint64_t)PERIOD_NS, 7},
        {0, 7, 10 * (uint64_t)PERIOD_NS, 3},
        {0, 11, 10 * (uint64_t)PERIOD_NS, 0},
        {0, UINT64_MAX, 10 * (uint64_t)PERIOD_NS, 0},
        {INT64_MIN, 0, 10 * (uint64_t)PERIOD_NS, 0}, /* more than any thread owes: overwritten */
        {INT64_MAX, 0, UINT64_MAX, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set(&f, cases[i].base_ns, cases[i].seen);
        assert_int_equal(sp_account_owed(&f.segment, f.slot, cases[i].clock_ns), cases[i].owed);
    }
    free_fixture(&f);
}

/* The phase is even over a period: of 4000 threads of a tenth of a period, a tenth owe one. 400 ± 4·sqrt(360) = ± 76.
 */
static void test_account_short_threads_owe_on_average(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){0});
    const uint64_t tenth_ns = segment.geometry.period_ns / 10;
    uint64_t owed = 0;
    for (int32_t i = 0; i < 4000; i++) {
        const uint32_t slot = sp_thread_arm(&segment, (1 << 23) + i, NULL); /* no such thread, so no timer */
        owed += sp_account_owed(&segment, slot, tenth_ns);
        sp_thread_disarm(&segment, slot, SP_END_GONE, NULL);
    }
    assert_in_range(owed, 400 - 76, 400 + 76);
    free_segment(&segment);
}

static const uint64_t *last_record(const struct fixture *f)
{
    for (uint32_t shard = 0; shard < f->segment.geometry.n_shards; shard++)
        if (sp_load_relaxed(&sp_segment_shard(&f->segment, shard)->used[0]) != 0)
            return sp_segment_records(&f->segment, shard, 0);
    fail_msg("no record");
    return NULL;
}

static void test_settle_writes_the_rest_to_the_start_routine(void **state)
{
    (void)state;
    struct fixture f = new_fixture();
    set(&f, -5 * (int64_t)PERIOD_NS * 1000, 4000);
    sp_store_relaxed(&f.at->since_ns, (uint64_t)77);
    sp_account_settle(&f.segment, f.slot, f.stripe);
    const uint64_t *record = last_record(&f);
    assert_int_equal(sp_record_kind(record[0]), SP_RECORD_END);
    assert_int_equal(sp_record_depth(record[0]), SP_END_WORDS);
    assert_int_equal(record[2], gettid());
    assert_int_equal(record[3], 1);
    assert_in_range(record[4], 1000, 1000 + 6000); /* and what this test has used by now */
    assert_int_equal(record[SP_RECORD_HEAD_WORDS], 0x1234);
    assert_true(record[SP_RECORD_HEAD_WORDS + 1] > 0);
    assert_int_equal(record[SP_RECORD_HEAD_WORDS + 2], 77);
    assert_int_equal(sp_load_relaxed(&f.stripe->fired.weight), record[4]);
    assert_int_equal(sp_load_relaxed(&f.stripe->settled.weight), record[4]);
    assert_int_equal(totals_of(&f.segment).weight, record[4]);
    free_fixture(&f);
}

static void test_settle_closes_the_account(void **state)
{
    (void)state;
    struct fixture f = new_fixture();
    set(&f, -1000 * (int64_t)PERIOD_NS, 0);
    sp_account_settle(&f.segment, f.slot, f.stripe);
    const uint64_t weight = totals_of(&f.segment).weight;
    sp_account_settle(&f.segment, f.slot, f.stripe); /* sampling has ended, and later the thread does */
    assert_int_equal(totals_of(&f.segment).records, 1);
    assert_int_equal(totals_of(&f.segment).weight, weight);
    assert_int_equal(sp_account_owed(&f.segment, f.slot, UINT64_MAX), 0);
    free_fixture(&f);
}

/* Its clock is told all the same: the collector compares it with what was recorded. */
static void test_settle_with_nothing_owed_tells_the_clock(void **state)
{
    (void)state;
    struct fixture f = new_fixture();
    set(&f, 0, UINT64_MAX);
    sp_account_settle(&f.segment, f.slot, f.stripe);
    assert_int_equal(totals_of(&f.segment).records, 1);
    assert_int_equal(totals_of(&f.segment).deliveries, 0);
    assert_int_equal(sp_load_relaxed(&f.stripe->fired.deliveries), 0);
    free_fixture(&f);
}

/* Of a thread that no sample stands for, only the CPU time is counted. */
static void test_settle_of_a_brief_thread_leaves_no_record(void **state)
{
    (void)state;
    struct fixture f = new_fixture();
    set(&f, INT64_MAX - 1, 0);
    sp_account_settle(&f.segment, f.slot, f.stripe);
    assert_int_equal(totals_of(&f.segment).records, 0);
    assert_int_equal(sp_load_relaxed(&f.stripe->brief.deliveries), 1);
    assert_true(sp_load_relaxed(&f.stripe->brief.weight) > 0);
    free_fixture(&f);
}

static void test_settle_without_a_place_is_a_loss(void **state)
{
    (void)state;
    struct fixture f = new_fixture();
    set(&f, -1000 * (int64_t)PERIOD_NS, 0);
    sp_store_relaxed(&f.at->start_routine, (uint64_t)0);
    sp_account_settle(&f.segment, f.slot, f.stripe);
    assert_int_equal(sp_load_relaxed(&f.stripe->fired.deliveries), 1);
    assert_int_equal(sp_load_relaxed(&f.stripe->lost[SP_LOSS_NO_PLACE].deliveries), 1);
    assert_int_equal(sp_load_relaxed(&f.stripe->lost[SP_LOSS_NO_PLACE].weight),
                     sp_load_relaxed(&f.stripe->fired.weight));
    assert_int_equal(totals_of(&f.segment).weight, 0);
    free_fixture(&f);
}

static void test_settle_of_a_dead_thread_does_nothing(void **state)
{
    (void)state;
    struct fixture f = new_fixture();
    set(&f, -1000 * (int64_t)PERIOD_NS, 0);
    const int32_t tid = sp_load_relaxed(&f.at->tid);
    sp_store_relaxed(&f.at->tid, 1 << 23);
    sp_account_settle(&f.segment, f.slot, f.stripe);
    assert_int_equal(totals_of(&f.segment).records, 0);
    sp_store_relaxed(&f.at->tid, tid);
    free_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_account_owes_what_is_due_and_not_seen),
        cmocka_unit_test(test_account_short_threads_owe_on_average),
        cmocka_unit_test(test_settle_writes_the_rest_to_the_start_routine),
        cmocka_unit_test(test_settle_closes_the_account),
        cmocka_unit_test(test_settle_with_nothing_owed_tells_the_clock),
        cmocka_unit_test(test_settle_of_a_brief_thread_leaves_no_record),
        cmocka_unit_test(test_settle_without_a_place_is_a_loss),
        cmocka_unit_test(test_settle_of_a_dead_thread_does_nothing),
    };
    signal(SIGPROF, SIG_IGN); /* the thread's timer, should it fire */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
