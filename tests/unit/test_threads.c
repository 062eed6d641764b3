/*
 * The thread table. The tids here are above the kernel's limit (4194304), so no timer comes into being for them: that
 * is a thread "without a timer", which has its slot all the same.
 */
#include "handler/threads.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "small_segment.h"

enum { NO_SUCH_TID = 1 << 23 };

static uint32_t arm(const struct sp_segment *segment, int32_t tid)
{
    return sp_thread_arm(segment, tid, NULL);
}

static uint32_t state_of(const struct sp_segment *segment, uint32_t slot)
{
    return sp_load_relaxed(&sp_segment_slot(segment, slot)->state);
}

static void test_threads_armed_is_found(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){0});
    const struct sp_birth birth = {.stack = {0x1000, 0x2000}};
    const uint32_t slot = sp_thread_arm(&segment, NO_SUCH_TID, &birth);
    assert_true(slot > 0 && slot < segment.geometry.n_slots);
    assert_int_equal(sp_segment_find(&segment, NO_SUCH_TID), slot);
    assert_int_equal(sp_segment_find(&segment, NO_SUCH_TID + 1), 0);
    assert_int_equal(state_of(&segment, slot), SP_SLOT_LIVE);
    assert_int_equal(sp_load_relaxed(&sp_segment_slot(&segment, slot)->stack_low), 0x1000);
    assert_int_equal(sp_load_relaxed(&sp_segment_slot(&segment, slot)->stack_high), 0x2000);
    assert_int_equal(sp_load_relaxed(&segment.header->timers_refused), 0); /* it is no more: nothing was refused */
    assert_int_equal(sp_load_relaxed(&segment.header->threads_armed), 1);
    assert_int_equal(sp_load_relaxed(&segment.header->threads_live), 1);
    free_segment(&segment);
}

/* After exec(2): what the thread owes goes on, and its CPU time until now is in the account of the image before. */
static void test_threads_continued_account_counts_from_now(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){0});
    const struct sp_birth birth = {.is_self = true, .is_continued = true, .base_ns = -77, .seen = 5};
    const uint32_t slot = sp_thread_arm(&segment, (int32_t)gettid(), &birth);
    const struct sp_slot *at = sp_segment_slot(&segment, slot);
    assert_int_equal(sp_load_relaxed(&at->base_ns), -77);
    assert_int_equal(sp_load_relaxed(&at->seen), 5);
    assert_true(sp_load_relaxed(&at->since_ns) > 0);
    sp_thread_disarm(&segment, slot, SP_END_GONE, NULL);
    free_segment(&segment);
}

static void test_threads_armed_twice_has_one_slot(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){0});
    assert_int_not_equal(arm(&segment, NO_SUCH_TID), 0);
    assert_int_equal(arm(&segment, NO_SUCH_TID), 0);
    assert_int_equal(sp_load_relaxed(&segment.header->threads_live), 1);
    assert_int_equal(sp_load_relaxed(&segment.header->slots_full), 0);
    free_segment(&segment);
}

static const struct sp_birth told = {.stack = {0x1000, 0x2000}, .start_routine = 0x1234, .is_self = true};

static void expect_told(const struct sp_slot *at)
{
    assert_int_equal(sp_load_relaxed(&at->start_routine), 0x1234);
    assert_int_equal(sp_load_relaxed(&at->stack_low), 0x1000);
    assert_int_equal(sp_load_relaxed(&at->stack_high), 0x2000);
}

/* The collector found the thread before it could announce itself, and it has had a sample. */
static void test_threads_armed_by_others_introduces_itself(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){0});
    const uint32_t slot = arm(&segment, NO_SUCH_TID);
    struct sp_slot *at = sp_segment_slot(&segment, slot);
    sp_store_relaxed(&at->base_ns, -(int64_t)segment.geometry.period_ns);
    sp_store_relaxed(&at->seen, (uint64_t)1);
    assert_int_equal(sp_thread_arm(&segment, NO_SUCH_TID, &told), slot);
    expect_told(at);
    assert_int_equal(sp_load_relaxed(&at->seen), 1);
    assert_int_equal(sp_load_relaxed(&segment.header->threads_armed), 1);
    free_segment(&segment);
}

/* A thread that ended unannounced left a slot; its tid returns, with a clock that is behind what the slot has seen. */
static void test_threads_tid_that_returns_is_a_new_thread(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){0});
    for (uint64_t seen = 0; seen <= 7; seen += 7) {
        const uint32_t before = arm(&segment, NO_SUCH_TID);
        const uint32_t generation = sp_load_relaxed(&sp_segment_slot(&segment, before)->generation);
        sp_store_relaxed(&sp_segment_slot(&segment, before)->seen, seen);
        const uint32_t after = sp_thread_arm(&segment, NO_SUCH_TID, &told);
        const struct sp_slot *at = sp_segment_slot(&segment, after);
        assert_true(after != before || sp_load_relaxed(&at->generation) != generation);
        assert_int_equal(sp_segment_find(&segment, NO_SUCH_TID), after);
        assert_int_equal(sp_load_relaxed(&at->seen), 0);
        assert_int_equal(sp_load_relaxed(&segment.header->threads_live), 1);
        expect_told(at);
        sp_thread_disarm(&segment, after, SP_END_GONE, NULL);
    }
    free_segment(&segment);
}

static void test_threads_disarmed_is_gone(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){0});
    const uint32_t slot = arm(&segment, NO_SUCH_TID);
    sp_thread_disarm(&segment, slot, SP_END_GONE, NULL);
    assert_int_equal(sp_segment_find(&segment, NO_SUCH_TID), 0);
    assert_int_equal(state_of(&segment, slot), SP_SLOT_FREE);
    assert_int_equal(sp_load_relaxed(&segment.header->threads_live), 0);
    for (uint32_t i = 0; i < segment.geometry.n_index; i++)
        assert_int_equal(sp_load_relaxed(sp_segment_index(&segment) + i), 0);
    sp_thread_disarm(&segment, slot, SP_END_GONE, NULL); /* again, and what is no slot: nothing happens */
    sp_thread_disarm(&segment, 0, SP_END_GONE, NULL);
    sp_thread_disarm(&segment, segment.geometry.n_slots, SP_END_GONE, NULL);
    sp_thread_disarm(&segment, UINT32_MAX, SP_END_GONE, NULL);
    assert_int_equal(sp_load_relaxed(&segment.header->threads_live), 0);
    free_segment(&segment);
}

/* A thread that had a sample leaves its name, one that had none has no need of it. */
static void test_threads_name_stays_where_there_are_samples(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){0});
    prctl(PR_SET_NAME, "worker");
    for (uint64_t samples = 0; samples < 2; samples++) {
        const uint32_t slot = arm(&segment, (int32_t)gettid());
        sp_store_relaxed(&sp_segment_slot(&segment, slot)->seen, samples);
        sp_thread_disarm(&segment, slot, SP_END_SELF, &segment.header->stripes[0]);
        assert_string_equal(sp_segment_slot(&segment, slot)->name, samples == 0 ? "" : "worker");
    }
    free_segment(&segment);
}

static void test_threads_each_claim_has_its_generation(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){.n_slots = 2});
    uint32_t last = 0;
    for (int32_t i = 0; i < 10; i++) {
        const uint32_t slot = arm(&segment, NO_SUCH_TID + i);
        assert_int_equal(slot, 1);
        const uint32_t generation = sp_load_relaxed(&sp_segment_slot(&segment, slot)->generation);
        assert_true(generation > last);
        last = generation;
        sp_thread_disarm(&segment, slot, SP_END_GONE, NULL);
    }
    free_segment(&segment);
}

/* A table of 16 slots, one of which means "none": the 16th thread and those behind it get no slot, and are counted. */
static void test_threads_table_full_is_counted(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){.n_slots = 16});
    uint32_t slots = 0;
    for (int32_t i = 0; i < 20; i++)
        slots += arm(&segment, NO_SUCH_TID + i) != 0;
    assert_int_equal(slots, 15);
    assert_int_equal(sp_load_relaxed(&segment.header->slots_full), 5);
    assert_int_equal(sp_load_relaxed(&segment.header->threads_live), 15);
    free_segment(&segment);
}

/* Tids that all have the same home in the index: as many as the entries that are looked at find room there. */
static void test_threads_index_full_is_counted(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){.n_slots = 64});
    const int32_t step = (int32_t)segment.geometry.n_index;
    for (int32_t i = 0; i < SP_INDEX_PROBE; i++)
        assert_int_not_equal(arm(&segment, NO_SUCH_TID + i * step), 0);
    assert_int_equal(arm(&segment, NO_SUCH_TID + SP_INDEX_PROBE * step), 0);
    assert_int_equal(sp_load_relaxed(&segment.header->slots_full), 1);
    assert_int_equal(sp_load_relaxed(&segment.header->threads_live), SP_INDEX_PROBE);
    for (int32_t i = 0; i < SP_INDEX_PROBE; i++) /* all of them are found, also after one in the middle has gone */
        assert_int_not_equal(sp_segment_find(&segment, NO_SUCH_TID + i * step), 0);
    sp_thread_disarm(&segment, sp_segment_find(&segment, NO_SUCH_TID + 3 * step), SP_END_GONE, NULL);
    for (int32_t i = 0; i < SP_INDEX_PROBE; i++)
        assert_int_equal(sp_segment_find(&segment, NO_SUCH_TID + i * step) != 0, i != 3);
    free_segment(&segment);
}

static void test_threads_reap_takes_the_dead_only(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){0});
    const int32_t self = (int32_t)gettid();
    const uint32_t own = arm(&segment, self);
    assert_int_not_equal(own, 0);
    for (int32_t i = 0; i < 5; i++)
        assert_int_not_equal(arm(&segment, NO_SUCH_TID + i), 0);
    sp_thread_reap_some(&segment, (int32_t)getpid(), segment.geometry.n_slots);
    assert_int_equal(sp_load_relaxed(&segment.header->threads_live), 1);
    assert_int_equal(sp_segment_find(&segment, self), own);
    sp_thread_disarm(&segment, own, SP_END_GONE, NULL);
    free_segment(&segment);
}

/* Who finds the try-lock taken leaves the thread to who has it: no slot is used, and nothing waits. */
static void test_threads_being_armed_is_busy(void **state)
{
    (void)state;
    struct sp_segment segment = new_segment((struct small_segment){0});
    for (uint32_t i = 0; i < SP_ARMING_STRIPES; i++)
        sp_store_relaxed(&segment.header->arming[i], 1u);
    assert_int_equal(arm(&segment, NO_SUCH_TID), SP_ARM_BUSY);
    assert_int_equal(sp_load_relaxed(&segment.header->threads_live), 0);
    assert_int_equal(sp_load_relaxed(&segment.header->slots_full), 0);
    free_segment(&segment);
}

/* The host may write what it likes into the index and the slots: no number from there is used unchecked. */
static void test_threads_damaged_index_is_survived(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    struct sp_segment segment = new_segment((struct small_segment){0});
    for (unsigned round = 0; round < 1000; round++) {
        for (uint32_t i = 0; i < segment.geometry.n_index; i++)
            sp_store_relaxed(sp_segment_index(&segment) + i, (uint32_t)next_random(&random));
        const uint32_t found = sp_segment_find(&segment, NO_SUCH_TID + (int32_t)round);
        assert_true(found < segment.geometry.n_slots);
        sp_thread_disarm(&segment, arm(&segment, NO_SUCH_TID + (int32_t)round), SP_END_GONE, NULL);
    }
    free_segment(&segment);
}

enum { ARMERS = 4, ROUNDS = 20000, CROWD_SLOTS = 64 };

static struct {
    struct sp_segment segment;
    _Atomic uint32_t round;
    _Atomic uint32_t ready;
} crowd;

static void *arm_in_rounds(void *unused)
{
    (void)unused;
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        while (sp_load_seq_cst(&crowd.round) < round)
            sched_yield();
        arm(&crowd.segment, NO_SUCH_TID);
        sp_add_seq_cst(&crowd.ready, 1u);
    }
    return NULL;
}

static uint32_t count_live(const struct sp_segment *segment)
{
    uint32_t live = 0;
    for (uint32_t slot = 1; slot < segment->geometry.n_slots; slot++)
        live += state_of(segment, slot) != SP_SLOT_FREE;
    return live;
}

/*
 * A thread's own start, the scan of /proc and a backstop signal may arm the same thread at once. Two slots would mean
 * two timers: its CPU time would count twice.
 */
static void test_threads_armed_by_several_at_once_has_one_slot(void **state)
{
    (void)state;
    pthread_t threads[ARMERS];
    crowd.segment = new_segment((struct small_segment){.n_slots = CROWD_SLOTS});
    for (unsigned i = 0; i < ARMERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, arm_in_rounds, NULL), 0);
    uint32_t none = 0, several = 0;
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        sp_store_seq_cst(&crowd.ready, 0u);
        sp_store_seq_cst(&crowd.round, round);
        while (sp_load_seq_cst(&crowd.ready) < ARMERS)
            sched_yield();
        const uint32_t live = count_live(&crowd.segment);
        none += live == 0;
        several += live > 1;
        for (uint32_t slot; (slot = sp_segment_find(&crowd.segment, NO_SUCH_TID)) != 0;)
            sp_thread_disarm(&crowd.segment, slot, SP_END_GONE, NULL);
    }
    for (unsigned i = 0; i < ARMERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(several, 0);
    assert_int_equal(none, 0);
    assert_int_equal(sp_load_relaxed(&crowd.segment.header->threads_live), 0);
    free_segment(&crowd.segment);
}

static void *arm_and_disarm(void *argument)
{
    const int32_t first = *(const int32_t *)argument;
    for (int32_t i = 0; i < 5000; i++) {
        const uint32_t slot = arm(&crowd.segment, first + i % 8);
        if (slot != 0)
            sp_thread_disarm(&crowd.segment, slot, SP_END_GONE, NULL);
    }
    return NULL;
}

/* Threads that come and go on different tids: afterwards the table is as empty as before. */
static void test_threads_that_come_and_go_leave_nothing(void **state)
{
    (void)state;
    pthread_t threads[ARMERS];
    int32_t first[ARMERS];
    crowd.segment = new_segment((struct small_segment){.n_slots = CROWD_SLOTS});
    for (int32_t i = 0; i < ARMERS; i++) {
        first[i] = NO_SUCH_TID + 8 * i;
        assert_int_equal(pthread_create(&threads[i], NULL, arm_and_disarm, &first[i]), 0);
    }
    for (unsigned i = 0; i < ARMERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(count_live(&crowd.segment), 0);
    assert_int_equal(sp_load_relaxed(&crowd.segment.header->threads_live), 0);
    assert_int_equal(sp_load_relaxed(&crowd.segment.header->slots_full), 0);
    for (uint32_t i = 0; i < crowd.segment.geometry.n_index; i++)
        assert_int_equal(sp_load_relaxed(sp_segment_index(&crowd.segment) + i), 0);
    free_segment(&crowd.segment);
}

static void test_cookie_holds_slot_and_generation(void **state)
{
    (void)state;
    const uint64_t cookie = sp_cookie(0xabcdef, 0xff123456);
    assert_int_equal(cookie & 0xffffff, 0xabcdef);
    assert_int_equal(cookie >> 24 & 0xffffff, 0x123456);
    assert_int_equal(cookie >> 48, SP_COOKIE_TAG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_armed_is_found),
        cmocka_unit_test(test_threads_continued_account_counts_from_now),
        cmocka_unit_test(test_threads_armed_twice_has_one_slot),
        cmocka_unit_test(test_threads_armed_by_others_introduces_itself),
        cmocka_unit_test(test_threads_tid_that_returns_is_a_new_thread),
        cmocka_unit_test(test_threads_disarmed_is_gone),
        cmocka_unit_test(test_threads_name_stays_where_there_are_samples),
        cmocka_unit_test(test_threads_each_claim_has_its_generation),
        cmocka_unit_test(test_threads_table_full_is_counted),
        cmocka_unit_test(test_threads_index_full_is_counted),
        cmocka_unit_test(test_threads_reap_takes_the_dead_only),
        cmocka_unit_test(test_threads_being_armed_is_busy),
        cmocka_unit_test(test_threads_damaged_index_is_survived),
        cmocka_unit_test(test_threads_armed_by_several_at_once_has_one_slot),
        cmocka_unit_test(test_threads_that_come_and_go_leave_nothing),
        cmocka_unit_test(test_cookie_holds_slot_and_generation),
    };
    signal(SIGPROF, SIG_IGN); /* the timer of the test's own thread, should it fire */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
