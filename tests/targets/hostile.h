/*
 * What the programs share that make life hard for whoever walks their stacks. Each is NAME [SECONDS]: it works for that
 * long by the clock on the wall (default 3), checks its own results, prints "rounds=N wrong=N", and exits with 1 when
 * anything was wrong. To be built without frame pointers, so that nothing but the unwind tables leads from frame to
 * frame.
 */
#ifndef SIGPROF_TESTS_HOSTILE_H
#define SIGPROF_TESTS_HOSTILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double hostile_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* When to stop, as hostile_now tells the time. */
static inline double hostile_until(int argc, char **argv)
{
    return hostile_now() + (argc > 1 ? atof(argv[1]) : 3);
}

/* `rounds` of a recurrence, in the caller's frame: what every program here takes for work. */
static inline uint64_t hostile_spin(uint64_t x, unsigned rounds)
{
    while (rounds-- > 0) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        __asm__ volatile("" : "+r"(x)); /* or the compiler finds the closed form */
    }
    return x;
}

/* The exit status. */
static inline int hostile_end(uint64_t rounds, uint64_t wrong)
{
    printf("rounds=%llu wrong=%llu\n", (unsigned long long)rounds, (unsigned long long)wrong);
    return wrong == 0 && rounds > 0 ? 0 : 1;
}

#endif
