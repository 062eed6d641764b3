/*
 * Threads that end by return, by pthread_exit(3) and by cancellation give their timers and slots back at once. Seen
 * from outside: /proc/self/timers lists what the process holds, and with few slots the next threads would get none.
 */
#include "sigprof/sigprof.h"

#include <pthread.h>
#include <unistd.h>

#include "require.h"

enum { ROUNDS = 100, AT_ONCE = 3, SLOTS = 7 };

static void *end_by_return(void *argument)
{
    return argument;
}

static void *end_by_exit(void *argument)
{
    pthread_exit(argument);
}

static void *end_by_cancellation(void *argument)
{
    pause();
    return argument;
}

int main(void)
{
    static void *(*const ends[AT_ONCE])(void *) = {end_by_return, end_by_exit, end_by_cancellation};
    struct sigprof_statistics statistics = {.struct_bytes = sizeof statistics};
    if (count_timers() < 0) {
        printf("skipped: this kernel has no /proc/self/timers\n");
        return EXIT_SKIP;
    }
    struct sigprof_options options;
    sigprof_options_init(&options);
    options.max_threads = SLOTS;
    require_equal(sigprof_start(&options), 0);
    const int before = count_timers();
    require(before > 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        pthread_t threads[AT_ONCE];
        int value = 5;
        for (unsigned i = 0; i < AT_ONCE; i++)
            require_equal(pthread_create(&threads[i], NULL, ends[i], &value), 0);
        require_equal(pthread_cancel(threads[2]), 0);
        for (unsigned i = 0; i < AT_ONCE; i++) {
            void *result;
            require_equal(pthread_join(threads[i], &result), 0);
            require(result == (i == 2 ? PTHREAD_CANCELED : &value));
        }
    }
    require_equal(count_timers(), before);
    require_equal(sigprof_stop(), 0);
    require_equal(count_timers(), 0);
    require_equal(sigprof_statistics(&statistics), 0);
    require(statistics.threads_armed >= ROUNDS * 2); /* one cancelled before it began may have had no timer */
    require_equal(statistics.threads_untimed, 0);
    return 0;
}
