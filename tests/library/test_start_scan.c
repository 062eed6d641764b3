/*
 * Threads that are created while a session starts. Some are found by the scan of /proc, some go through the
 * pthread_create in front of libc's, and between the two none may be missed.
 *
 * Each uses more than a period of CPU time once the session runs. Its account owes then at least one sample, whatever
 * the random part of its first period: so every one of them must be among the threads sampled.
 */
#include "sigprof/sigprof.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "require.h"

enum { ROUNDS = 100, CREATORS = 2, EACH = 20, THREADS = CREATORS * EACH, RATE_HZ = 1000 };

static const double more_than_a_period_s = 1.2 / RATE_HZ;
static pthread_barrier_t is_started; /* the session is, and all threads are there */
static atomic_int begun;

static void *work(void *unused)
{
    pthread_barrier_wait(&is_started);
    burn(more_than_a_period_s);
    return unused;
}

static void *create(void *argument)
{
    pthread_t *threads = argument;
    atomic_fetch_add(&begun, 1);
    for (int i = 0; i < EACH; i++)
        require_equal(pthread_create(&threads[i], NULL, work, NULL), 0);
    return NULL;
}

static void join_all(const pthread_t *threads, int n)
{
    for (int i = 0; i < n; i++)
        require_equal(pthread_join(threads[i], NULL), 0);
}

/* The start falls before, into or behind the creation, as the scheduler has it. */
static void run_round(const struct sigprof_options *options)
{
    pthread_t creators[CREATORS], threads[THREADS];
    struct sigprof_statistics statistics = {.struct_bytes = sizeof statistics};
    atomic_store(&begun, 0);
    for (int i = 0; i < CREATORS; i++)
        require_equal(pthread_create(&creators[i], NULL, create, threads + (size_t)i * EACH), 0);
    while (atomic_load(&begun) == 0)
        sched_yield();
    require_equal(sigprof_start(options), 0);
    pthread_barrier_wait(&is_started);
    join_all(creators, CREATORS);
    join_all(threads, THREADS);
    require_equal(sigprof_stop(), 0);
    require_equal(sigprof_statistics(&statistics), 0);
    require_equal(statistics.threads_untimed, 0);
    require_equal(statistics.fired, statistics.recorded);
    require(statistics.threads_sampled >= THREADS);
    require(statistics.recorded_weight >= THREADS);
}

int main(void)
{
    struct sigprof_options options;
    sigprof_options_init(&options);
    options.rate_hz = RATE_HZ;
    require_equal(pthread_barrier_init(&is_started, NULL, THREADS + 1), 0);
    for (int round = 0; round < ROUNDS; round++) {
        options.trigger = round % 2 == 0 ? LIBSIGPROF_TRIGGER_TIMER : LIBSIGPROF_TRIGGER_PERF;
        run_round(&options);
    }
    return 0;
}
