/*
 * Starts and stops under load: exit 0, SIGPROF as before, and nothing held afterwards.
 *
 * usage: test_start_stop [ROUNDS]
 */
#include "sigprof/sigprof.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "require.h"

enum { THREADS = 8, WARM_UP = 30 };

static atomic_bool is_over;

/* At the lowest priority, so that the main thread does not wait for its turn 1000 times. */
static void *load(void *unused)
{
    (void)unused;
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19);
    while (!atomic_load_explicit(&is_over, memory_order_relaxed))
        ;
    return NULL;
}

static void host_handler(int signal_number)
{
    (void)signal_number;
}

static void start_and_stop(int rounds)
{
    static const uint32_t rates[] = {100, 1000, 10000};
    struct sigprof_options options;
    sigprof_options_init(&options);
    for (int i = 0; i < rounds; i++) {
        options.rate_hz = rates[i % 3];
        require_equal(sigprof_start(&options), 0);
        if (i % 10 == 0)
            usleep(2000); /* some signals arrive */
        require_equal(sigprof_stop(), 0);
    }
}

int main(int argc, char **argv)
{
    const int rounds = argc > 1 ? atoi(argv[1]) : 1000;
    pthread_t threads[THREADS];
    struct sigaction before = {.sa_handler = host_handler, .sa_flags = SA_RESTART}, after;
    sigaddset(&before.sa_mask, SIGUSR1);
    require_equal(sigaction(SIGPROF, &before, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        require_equal(pthread_create(&threads[i], NULL, load, NULL), 0);
    start_and_stop(WARM_UP);
    const int descriptors = count_entries("/proc/self/fd"), mappings = count_mappings();
    start_and_stop(rounds);
    require_equal(count_entries("/proc/self/fd"), descriptors);
    /*
     * malloc's arenas and a sanitizer's regions come and go by a few, more with time. A mapping that every round keeps
     * is `rounds` of them, one that is kept at one of the three rates a third of that. TSan's own, 400 of them, have
     * no bound of a few: it is there for the races.
     */
#ifndef __SANITIZE_THREAD__
    require(count_mappings() <= mappings + 16 + rounds / 4);
#else
    (void)mappings;
#endif
    require(count_timers() <= 0);
    atomic_store(&is_over, true);
    for (int i = 0; i < THREADS; i++)
        require_equal(pthread_join(threads[i], NULL), 0);
    require_equal(sigaction(SIGPROF, NULL, &after), 0);
    require(after.sa_handler == host_handler && sigismember(&after.sa_mask, SIGUSR1) == 1);
    require((after.sa_flags & (SA_SIGINFO | SA_RESTART)) == SA_RESTART);
    return 0;
}
