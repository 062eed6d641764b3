/*
 * Profiles a part of its own work and leaves the result in a file:
 *
 *     cc -O2 -g profile_work.c $(pkg-config --cflags --libs sigprof) -lm -o profile_work
 *     ./profile_work work.pb.gz
 *     sigprof top work.pb.gz
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sigprof/sigprof.h>

/* The work: two functions on two threads. Each goes on until its thread has used so much CPU time. */
static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

__attribute__((noinline)) unsigned count_primes(unsigned limit);
__attribute__((noinline)) double sum_of_roots(unsigned limit);

unsigned count_primes(unsigned limit)
{
    unsigned n = 0;
    for (unsigned i = 2; i < limit; i++) {
        unsigned divisor = 2;
        while (divisor * divisor <= i && i % divisor != 0)
            divisor++;
        n += divisor * divisor > i;
    }
    return n;
}

double sum_of_roots(unsigned limit)
{
    double sum = 0;
    for (unsigned i = 0; i < limit; i++)
        sum += sqrt((double)i + sum);
    return sum;
}

static void *roots(void *result)
{
    unsigned round = 0;
    while (cpu_seconds() < 0.4)
        *(double *)result += sum_of_roots(100000 + round++ % 2);
    return NULL;
}

static void work(void)
{
    pthread_t thread;
    double sum = 0;
    unsigned primes = 0;
    const double until = cpu_seconds() + 1.2;
    const int error = pthread_create(&thread, NULL, roots, &sum); /* sampled too: nothing to do for it */
    while (cpu_seconds() < until)
        primes += count_primes(20000 + primes % 2); /* not the same each time, lest the compiler do it once */
    if (error == 0)
        pthread_join(thread, NULL);
    printf("%u primes, roots that add up to %g\n", primes, sum);
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "work.pb.gz";

    /* All defaults would be sigprof_start(NULL). */
    struct sigprof_options options;
    sigprof_options_init(&options);
    options.rate_hz = 100; /* samples per second of each thread's CPU time */

    int error = sigprof_start(&options);
    if (error != 0) {
        fprintf(stderr, "cannot start the profiler: %s\n", strerror(-error));
        return 1;
    }
    work();
    sigprof_stop();

    error = sigprof_write_path(path, 0);
    if (error != 0) {
        fprintf(stderr, "cannot write %s: %s\n", path, strerror(-error));
        return 1;
    }

    /* How good is it? What was lost, if anything, is said. */
    struct sigprof_statistics statistics = {.struct_bytes = sizeof statistics};
    sigprof_statistics(&statistics);
    printf("%llu samples of %llu threads, %llu lost; look at them with: sigprof top %s\n",
           (unsigned long long)statistics.recorded, (unsigned long long)statistics.threads_sampled,
           (unsigned long long)(statistics.fired - statistics.recorded), path);
    return 0;
}
