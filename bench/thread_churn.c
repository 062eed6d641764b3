/*
 * Makes and joins empty threads, one after the other, and says what one takes.
 *
 * usage: thread_churn THREADS [register]
 *
 *   register  each thread calls ProfilerRegisterThread, as gperftools asks of threads that it is to sample by timers of
 *             their own
 *
 * Prints in ns per thread: wall N cpu N. The CPU time is that of the whole process during the loop.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

__attribute__((weak)) void ProfilerRegisterThread(void); /* gperftools', where it is preloaded */

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *empty_thread(void *must_register)
{
    if (must_register != NULL)
        ProfilerRegisterThread();
    return NULL;
}

static int churn(long n, void *argument)
{
    for (long i = 0; i < n; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, empty_thread, argument) != 0 || pthread_join(thread, NULL) != 0)
            return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    const long n = argc > 1 ? atol(argv[1]) : 0;
    const int must_register = argc == 3 && strcmp(argv[2], "register") == 0;
    if (n < 1 || argc != 2 + must_register)
        return fprintf(stderr, "usage: thread_churn THREADS [register]\n"), 2;
    if (must_register && ProfilerRegisterThread == NULL)
        return fprintf(stderr, "thread_churn: gperftools is not preloaded\n"), 1;
    const double wall = seconds_of(CLOCK_MONOTONIC), cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    if (churn(n, must_register ? argv : NULL) != 0)
        return fprintf(stderr, "thread_churn: no thread\n"), 1;
    printf("wall %.1f cpu %.1f\n", (seconds_of(CLOCK_MONOTONIC) - wall) / (double)n * 1e9,
           (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (double)n * 1e9);
    return 0;
}
