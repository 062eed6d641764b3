/*
 * The ledger under want: shards without room, shards locked, more threads than slots. Each sample that was due is
 * either recorded or lost for a reason that is counted, exactly; and where there is room, none is lost.
 */
#include "sigprof/sigprof.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/utsname.h>

#include "force.h"

static struct sigprof_statistics statistics_now(void)
{
    struct sigprof_statistics statistics = {.struct_bytes = sizeof statistics};
    require_equal(sigprof_statistics(&statistics), 0);
    return statistics;
}

static void require_balance(const struct sigprof_statistics *statistics)
{
    require_equal(statistics->fired,
                  statistics->recorded + statistics->lost_busy + statistics->lost_full + statistics->lost_no_place);
    require(statistics->recorded_weight <= statistics->fired_weight);
}

/* A sample `depth` calls deeper than here: each depth is another stack. */
__attribute__((noinline)) static void sample_at_depth(unsigned depth, uint64_t cookie)
{
    if (depth == 0)
        require_equal(force_sample((pid_t)gettid(), cookie), 0);
    else
        sample_at_depth(depth - 1, cookie);
    __asm__ volatile("" ::: "memory"); /* no tail call */
}

static void start_small(uint32_t rate_hz, uint32_t max_threads)
{
    struct sigprof_options options;
    sigprof_options_init(&options);
    options.rate_hz = rate_hz;
    options.max_depth = 64;
    options.max_threads = max_threads;
    require_equal(sigprof_start(&options), 0);
}

/* At 1 Hz a half has room for 8 deep stacks. The collector's next turn is up to 100 ms away: 20 000 samples, spread
 * over 60 stacks, do not fit. */
static void test_shards_full(void)
{
    start_small(1, 0);
    stop_all_timers();
    const uint64_t cookie = cookie_of_thread((pid_t)gettid());
    const struct sigprof_statistics before = statistics_now();
    for (unsigned i = 0; i < 20000; i++)
        sample_at_depth(i % 60, cookie);
    require_equal(sigprof_stop(), 0);
    const struct sigprof_statistics after = statistics_now();
    require_balance(&after);
    require_equal(after.fired - before.fired, 20000);
    require(after.lost_full > 0);
    require(after.recorded > 0);
}

static void lock_shards(uint32_t value)
{
    for (uint32_t i = 0; i < sp_handler.segment.geometry.n_shards; i++)
        sp_store_seq_cst(&sp_segment_shard(&sp_handler.segment, i)->lock, value);
}

static void test_shards_locked(void)
{
    start_small(1, 0);
    stop_all_timers();
    const uint64_t cookie = cookie_of_thread((pid_t)gettid());
    usleep(150000); /* a drain has been: nothing is in the shards, so the collector does not ask for their locks */
    lock_shards(1);
    for (unsigned i = 0; i < 100; i++)
        sample_at_depth(0, cookie);
    lock_shards(0);
    sample_at_depth(0, cookie);
    require_equal(sigprof_stop(), 0);
    const struct sigprof_statistics after = statistics_now();
    require_balance(&after);
    require_equal(after.lost_busy, 100);
    require(after.recorded >= 1);
}

enum { WRITERS = 4, SAMPLES = 20000 };

/* The calling thread's cookie, armed if nobody has done it yet. */
static uint64_t own_cookie(void)
{
    const pid_t tid = (pid_t)gettid();
    for (unsigned tries = 0; cookie_of_thread(tid) == 0 && tries < 10000; tries++) {
        sp_thread_arm(&sp_handler.segment, tid, NULL);
        sched_yield();
    }
    const uint64_t cookie = cookie_of_thread(tid);
    require(cookie != 0);
    return cookie;
}

static void *force_many(void *unused)
{
    (void)unused;
    const pid_t tid = (pid_t)gettid();
    const uint64_t cookie = own_cookie();
    sp_trigger_stop(&sp_handler.segment, sp_segment_find(&sp_handler.segment, tid));
    for (unsigned i = 0; i < SAMPLES; i++)
        sample_at_depth(i % 40, cookie);
    return NULL;
}

/* Handlers on four threads, the collector turning their shards over meanwhile, and too little room. */
static void test_balance_of_many_threads(void)
{
    pthread_t threads[WRITERS];
    start_small(1, 0);
    stop_all_timers();
    for (unsigned i = 0; i < WRITERS; i++)
        require_equal(pthread_create(&threads[i], NULL, force_many, NULL), 0);
    for (unsigned i = 0; i < WRITERS; i++)
        require_equal(pthread_join(threads[i], NULL), 0);
    require_equal(sigprof_stop(), 0);
    const struct sigprof_statistics after = statistics_now();
    require_balance(&after);
    require(after.fired >= WRITERS * SAMPLES);
}

enum { FORCED = 150000 };
static pthread_barrier_t at_once;

static void *force_fast(void *unused)
{
    (void)unused;
    const pid_t tid = (pid_t)gettid();
    const uint64_t cookie = own_cookie();
    sp_trigger_stop(&sp_handler.segment,
                    sp_segment_find(&sp_handler.segment, tid)); /* what was on its way is handled */
    pthread_barrier_wait(&at_once);
    pthread_barrier_wait(&at_once); /* the main thread has looked at the counts */
    for (unsigned i = 0; i < FORCED; i++)
        if (force_sample(tid, cookie) != 0)
            _Exit(2);
    return NULL;
}

/*
 * 300 000 samples from two threads as fast as they go, which is about a second of them at the rate that the session is
 * sized for. A thread's signal to itself is handled before the next: none can be merged. Each thread stops its timer
 * itself, so nothing is on its way to it when the counts are looked at. Two handlers and the collector hold at most
 * three locks at once, so with at least four shards none is lost to locks either.
 */
static void test_none_is_lost_at_300000(void)
{
    pthread_t threads[2];
    pthread_barrier_init(&at_once, NULL, 3);
    start_small(100000, 0);
    require(sp_handler.segment.geometry.n_shards >= 2);
    stop_all_timers();
    for (unsigned i = 0; i < 2; i++)
        require_equal(pthread_create(&threads[i], NULL, force_fast, NULL), 0);
    pthread_barrier_wait(&at_once);
    const struct sigprof_statistics before = statistics_now();
    pthread_barrier_wait(&at_once);
    for (unsigned i = 0; i < 2; i++)
        require_equal(pthread_join(threads[i], NULL), 0);
    const bool has_four_shards = sp_handler.segment.geometry.n_shards >= 4;
    require_equal(sigprof_stop(), 0);
    const struct sigprof_statistics after = statistics_now();
    require_balance(&after);
    /* Beside those forced: what the threads owe since their timers were stopped. */
    const uint64_t settled = after.settled - before.settled, no_place = after.lost_no_place - before.lost_no_place;
    require_equal(after.fired - before.fired - settled - no_place, 2 * FORCED);
    if (has_four_shards)
        require_equal(after.recorded - before.recorded - settled, 2 * FORCED);
    pthread_barrier_destroy(&at_once);
}

enum { CROWD = 8 };

static void *burn_a_while(void *unused)
{
    (void)unused;
    burn(0.2);
    return NULL;
}

/* Linux 6.4 and later give the process timer's signal to the thread that runs; before, mostly to the main thread. */
static bool has_fair_process_timer(void)
{
    struct utsname name;
    unsigned major = 0, minor = 0;
    return uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
           (major > 6 || (major == 6 && minor >= 4));
}

/*
 * Eight threads and room for three (of which the main thread and the collector take two): the others live on the
 * process timer, which fires every 10 ms of the process's CPU time and does nothing on a thread with a timer of its
 * own. Each of them uses 0.2 s of 1.6: about 20 of its signals. That one gets none has a probability of about e^-20;
 * that it takes turns with others in the same tick (4 ms) does not make it more.
 */
static void test_thread_table_full(void)
{
    pthread_t threads[CROWD];
    start_small(1000, 3);
    for (unsigned i = 0; i < CROWD; i++)
        require_equal(pthread_create(&threads[i], NULL, burn_a_while, NULL), 0);
    for (unsigned i = 0; i < CROWD; i++)
        require_equal(pthread_join(threads[i], NULL), 0);
    require_equal(sigprof_stop(), 0);
    const struct sigprof_statistics after = statistics_now();
    require_balance(&after);
    require(after.threads_untimed > 0);
    if (has_fair_process_timer())
        require(after.threads_sampled >= CROWD);
}

/* The smallest memory that a session takes is enough to start, and all is accounted for. */
static void test_memory_limit(void)
{
    struct sigprof_options options;
    sigprof_options_init(&options);
    options.rate_hz = 100000;
    options.max_depth = 32;
    options.max_threads = 15;
    options.memory_limit_bytes = 4096;
    while (sigprof_start(&options) == -ENOMEM && options.memory_limit_bytes < 1 << 24)
        options.memory_limit_bytes += 4096;
    require_equal(sigprof_is_running(), 1);
    require(sp_handler.segment.geometry.names_at <= options.memory_limit_bytes);
    const uint64_t cookie = cookie_of_thread((pid_t)gettid());
    for (unsigned i = 0; i < 5000; i++)
        sample_at_depth(i % 30, cookie);
    require_equal(sigprof_stop(), 0);
    const struct sigprof_statistics after = statistics_now();
    require_balance(&after);
    require(after.fired >= 5000);
    require(after.lost_full > 0);
}

int main(void)
{
    test_shards_full();
    test_shards_locked();
    test_balance_of_many_threads();
    test_none_is_lost_at_300000();
    test_thread_table_full();
    test_memory_limit();
    return 0;
}
