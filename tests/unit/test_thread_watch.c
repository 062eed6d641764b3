/*
 * The look at threads: of this process (its clocks are exact), with slots that the test fills in as the handler would.
 * Threads spin for a known CPU time; no test depends on how long that takes.
 */
#include "collector/thread_watch.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "small_segment.h"

enum { SPIN_MS = 300, PERIOD_NS = 10000000, OTHER = 1 << 23 /* above the kernel's limit of pids */ };

/* A thread that spins, says so, and waits until the test is done with it. */
struct spinner {
    pthread_t thread;
    bool blocks_sigprof;
    atomic_int tid;
    atomic_bool is_over;
};

static void *run_spinner(void *argument)
{
    struct spinner *spinner = argument;
    struct timespec used;
    if (spinner->blocks_sigprof) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGPROF);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
    }
    volatile unsigned work = 0;
    do {
        for (int i = 0; i < 100000; i++) /* in user code: reading the clock is a system call */
            work++;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    } while (used.tv_sec == 0 && used.tv_nsec < SPIN_MS * 1000000L);
    atomic_store(&spinner->tid, (int)syscall(SYS_gettid));
    while (!atomic_load(&spinner->is_over))
        usleep(1000);
    return NULL;
}

static int32_t start_spinner(struct spinner *spinner)
{
    assert_int_equal(pthread_create(&spinner->thread, NULL, run_spinner, spinner), 0);
    while (atomic_load(&spinner->tid) == 0)
        usleep(1000);
    return atomic_load(&spinner->tid);
}

static void end_spinner(struct spinner *spinner)
{
    atomic_store(&spinner->is_over, true);
    pthread_join(spinner->thread, NULL);
}

/* This process, as its collector would see it. */
struct fixture {
    struct sp_segment segment;
    struct sp_known_threads threads;
    struct sp_profile *profile;
    struct sp_thread_watch watch;
    struct sp_watched process;
};

static void set_up(struct fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    fixture->segment = new_segment((struct small_segment){0});
    fixture->segment.geometry.period_ns = PERIOD_NS;
    sp_store_relaxed(&fixture->segment.header->threads_live, 2u);
    fixture->profile = sp_profile_new();
    assert_non_null(fixture->profile);
    fixture->process = (struct sp_watched){.segment = &fixture->segment,
                                           .pid = getpid(),
                                           .threads = &fixture->threads,
                                           .profile = fixture->profile,
                                           .now_ns = 10000000000};
    sp_thread_watch_start(&fixture->watch, getpid());
}

static void tear_down(struct fixture *fixture)
{
    assert_int_equal(sp_profile_error(fixture->profile), 0);
    sp_thread_watch_done(&fixture->watch);
    sp_known_threads_done(&fixture->threads);
    sp_profile_free(fixture->profile);
    free_segment(&fixture->segment);
}

static bool look(struct fixture *fixture)
{
    fixture->process.now_ns += 2000000000;
    return sp_thread_watch_look(&fixture->watch, &fixture->process, false);
}

static struct sp_slot *add_slot(const struct sp_segment *segment, uint32_t number, int32_t tid)
{
    struct sp_slot *slot = sp_segment_slot(segment, number);
    sp_store_relaxed(&slot->tid, tid);
    sp_store_relaxed(&slot->timer, 1);
    sp_store_relaxed(&slot->perf_fd, -1);
    sp_store_relaxed(&slot->state, (uint32_t)SP_SLOT_LIVE);
    for (uint32_t probe = 0; probe < SP_INDEX_PROBE; probe++) {
        _Atomic uint32_t *entry =
            sp_segment_index(segment) + (((uint32_t)tid + probe) & (segment->geometry.n_index - 1));
        if (sp_load_relaxed(entry) == 0) {
            sp_store_relaxed(entry, number);
            return slot;
        }
    }
    fail_msg("no room in the index for %d", tid);
    return slot;
}

static struct sp_known_thread *known(struct fixture *fixture, int32_t tid)
{
    return sp_known_thread_now(&fixture->threads, &fixture->segment, tid);
}

/* A spinner with a slot, looked at: the reason that is found. */
static enum sp_gap gap_of(struct spinner *spinner, void (*change)(struct fixture *fixture, struct sp_slot *slot))
{
    struct fixture fixture;
    set_up(&fixture);
    const int32_t tid = start_spinner(spinner);
    add_slot(&fixture.segment, 1, getpid());
    struct sp_slot *slot = add_slot(&fixture.segment, 2, tid);
    if (change != NULL)
        change(&fixture, slot);
    assert_true(look(&fixture));
    const struct sp_known_thread *thread = known(&fixture, tid);
    assert_true(sp_known_thread_kernel_ns(thread) >= SPIN_MS * UINT64_C(1000000));
    const enum sp_gap gap = thread->gap;
    end_spinner(spinner);
    tear_down(&fixture);
    return gap;
}

static void sample_all(struct fixture *fixture, struct sp_slot *slot)
{
    sp_known_thread_now(&fixture->threads, &fixture->segment, sp_load_relaxed(&slot->tid))->weight = SPIN_MS / 10;
}

static void take_timer(struct fixture *fixture, struct sp_slot *slot)
{
    (void)fixture;
    sp_store_relaxed(&slot->timer, -1);
}

static void test_watch_finds_the_reason(void **state)
{
    (void)state;
    assert_int_equal(gap_of(&(struct spinner){0}, sample_all), SP_GAP_NONE);
    assert_int_equal(gap_of(&(struct spinner){.blocks_sigprof = true}, NULL), SP_GAP_BLOCKED);
    assert_int_equal(gap_of(&(struct spinner){0}, NULL), SP_GAP_REPLACED); /* a timer, and not one sample */
    assert_int_equal(gap_of(&(struct spinner){0}, take_timer), SP_GAP_NO_TIMER);
    assert_int_equal(gap_of(&(struct spinner){.blocks_sigprof = true}, sample_all), SP_GAP_NONE);
    signal(SIGPROF, SIG_IGN);
    assert_int_equal(gap_of(&(struct spinner){0}, NULL), SP_GAP_IGNORED);
    signal(SIGPROF, SIG_DFL);
}

/* There before the first look, this process's own threads count from there on; born later, from their birth. */
static void test_watch_thread_without_a_slot_has_an_account(void **state)
{
    (void)state;
    struct fixture fixture;
    struct spinner before = {0}, after = {0};
    set_up(&fixture);
    const int32_t old = start_spinner(&before);
    assert_true(look(&fixture));
    const int32_t new = start_spinner(&after);
    assert_true(look(&fixture));
    assert_int_equal(known(&fixture, old)->gap, SP_GAP_NONE);
    assert_true(sp_known_thread_kernel_ns(known(&fixture, old)) < SPIN_MS * UINT64_C(1000000));
    assert_int_equal(known(&fixture, new)->gap, SP_GAP_NO_SLOT);
    assert_true(sp_known_thread_kernel_ns(known(&fixture, new)) >= SPIN_MS * UINT64_C(1000000));
    assert_int_not_equal(known(&fixture, new)->name, 0);
    end_spinner(&before);
    end_spinner(&after);
    tear_down(&fixture);
}

/* In the kernel a perf event gives no samples: only time in user code without any means that our handler is not
 * reached. */
static void test_watch_perf_thread_is_judged_by_user_time(void **state)
{
    (void)state;
    struct fixture fixture;
    struct spinner spinner = {0};
    set_up(&fixture);
    const int32_t tid = start_spinner(&spinner);
    add_slot(&fixture.segment, 1, getpid());
    sp_store_relaxed(&add_slot(&fixture.segment, 2, tid)->perf_fd, 200);
    look(&fixture);
    assert_int_equal(known(&fixture, tid)->gap, SP_GAP_UNKNOWN);
    look(&fixture); /* it sleeps: no user time since */
    assert_int_equal(known(&fixture, tid)->gap, SP_GAP_UNKNOWN);
    known(&fixture, tid)->silent_user_ns = 1; /* as if it had been asked at the thread's birth */
    look(&fixture);
    assert_int_equal(known(&fixture, tid)->gap, SP_GAP_REPLACED);
    end_spinner(&spinner);
    tear_down(&fixture);
}

static void test_watch_better_reason_stays(void **state)
{
    (void)state;
    struct fixture fixture;
    struct spinner spinner = {0};
    set_up(&fixture);
    const int32_t tid = start_spinner(&spinner);
    add_slot(&fixture.segment, 1, getpid());
    add_slot(&fixture.segment, 2, tid);
    known(&fixture, tid)->weight = 1;
    known(&fixture, tid)->gap = SP_GAP_BLOCKED; /* as an earlier look found */
    look(&fixture);
    assert_int_equal(known(&fixture, tid)->gap, SP_GAP_BLOCKED);
    known(&fixture, tid)->gap = SP_GAP_NONE;
    known(&fixture, tid)->weight = 2;
    look(&fixture);
    assert_int_equal(known(&fixture, tid)->gap, SP_GAP_UNKNOWN); /* there was a sample since the last look */
    end_spinner(&spinner);
    tear_down(&fixture);
}

static bool is_listed(const struct fixture *fixture, int32_t tid)
{
    for (uint32_t i = 0; i < SP_UNLISTED; i++)
        if (sp_load_relaxed(&fixture->segment.header->unlisted[i]) == tid)
            return true;
    return false;
}

static bool is_ended(const struct fixture *fixture, uint32_t slot)
{
    for (uint32_t i = 0; i < SP_UNLISTED; i++)
        if (sp_load_relaxed(&fixture->segment.header->ended[i]) == slot)
            return true;
    return false;
}

/* As many slots as threads, but one of them is a dead thread's: both are told. */
static void test_watch_tells_new_and_ended_threads(void **state)
{
    (void)state;
    struct fixture fixture;
    struct spinner spinner = {0};
    set_up(&fixture);
    const int32_t tid = start_spinner(&spinner);
    add_slot(&fixture.segment, 1, getpid());
    add_slot(&fixture.segment, 2, OTHER);
    known(&fixture, OTHER)->weight = 1;
    look(&fixture);
    assert_true(is_listed(&fixture, tid));
    assert_false(is_listed(&fixture, getpid()));
    assert_true(is_ended(&fixture, 2));
    assert_false(is_ended(&fixture, 1));
    assert_int_not_equal(known(&fixture, OTHER)->ended_ns, 0);
    end_spinner(&spinner);
    tear_down(&fixture);
}

static void test_watch_looks_only_where_there_is_reason(void **state)
{
    (void)state;
    struct fixture fixture;
    struct spinner spinner = {0};
    set_up(&fixture);
    add_slot(&fixture.segment, 1, getpid());
    sp_store_relaxed(&fixture.segment.header->threads_live, 1u);
    assert_true(look(&fixture));
    fixture.process.now_ns += 100000000;
    assert_false(sp_thread_watch_look(&fixture.watch, &fixture.process, false));
    start_spinner(&spinner); /* CPU time without samples */
    add_slot(&fixture.segment, 2, atomic_load(&spinner.tid));
    sp_store_relaxed(&fixture.segment.header->threads_live, 2u);
    fixture.process.now_ns += 100000000;
    assert_true(sp_thread_watch_look(&fixture.watch, &fixture.process, false));
    fixture.process.now_ns += 100000000;
    assert_false(sp_thread_watch_look(&fixture.watch, &fixture.process, false));
    assert_true(sp_thread_watch_look(&fixture.watch, &fixture.process, true));
    end_spinner(&spinner);
    tear_down(&fixture);
}

/* A thread that has settled and is there still, or one that gave its slot back because sampling ends. */
static void test_watch_opens_no_account_behind_the_last_record(void **state)
{
    (void)state;
    struct fixture fixture;
    struct spinner spinner = {0};
    set_up(&fixture);
    const int32_t tid = start_spinner(&spinner);
    struct sp_known_thread *thread = sp_known_thread(&fixture.threads, (struct sp_thread_key){tid, 1 << 24 | 2});
    sp_known_thread_settle(&fixture.threads, thread, 0, SPIN_MS * UINT64_C(1000000),
                           fixture.process.now_ns + 1900000000);
    look(&fixture);
    assert_null(sp_known_thread_find(&fixture.threads, (struct sp_thread_key){.tid = tid}));
    sp_store_relaxed(&fixture.segment.header->stop_requested, 1u);
    look(&fixture);
    assert_null(sp_known_thread_find(&fixture.threads, (struct sp_thread_key){.tid = tid}));
    end_spinner(&spinner);
    tear_down(&fixture);
}

/* Bounds are AddressSanitizer's to watch. */
static void test_watch_scribbled_segment_is_bounded(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 90; seed++) {
        struct fixture fixture;
        uint64_t random = seed * 0x9e3779b97f4a7c15u;
        set_up(&fixture);
        uint64_t *words = (uint64_t *)(void *)fixture.segment.header;
        for (uint64_t i = 0; i < fixture.segment.geometry.shards_at / 8; i++) {
            const uint64_t r = next_random(&random);
            words[i] = seed % 3 == 0 ? r : seed % 3 == 1 ? r & 0x1f0000001f : (uint64_t)getpid() << 32 | SP_SLOT_LIVE;
        }
        look(&fixture);
        sp_thread_watch_look(&fixture.watch, &fixture.process, true);
        for (size_t i = 0; i < fixture.threads.known.n; i++)
            assert_true(sp_known_thread_kernel_ns(&fixture.threads.known.at[i]) < UINT64_C(3600000000000));
        tear_down(&fixture);
    }
}

static void test_watch_process_that_is_gone(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture);
    fixture.process.pid = OTHER;
    assert_false(look(&fixture));
    assert_int_equal(fixture.threads.known.n, 0);
    tear_down(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watch_finds_the_reason),
        cmocka_unit_test(test_watch_thread_without_a_slot_has_an_account),
        cmocka_unit_test(test_watch_perf_thread_is_judged_by_user_time),
        cmocka_unit_test(test_watch_better_reason_stays),
        cmocka_unit_test(test_watch_tells_new_and_ended_threads),
        cmocka_unit_test(test_watch_looks_only_where_there_is_reason),
        cmocka_unit_test(test_watch_opens_no_account_behind_the_last_record),
        cmocka_unit_test(test_watch_scribbled_segment_is_bounded),
        cmocka_unit_test(test_watch_process_that_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
