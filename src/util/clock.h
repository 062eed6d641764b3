/*
 * The time that only moves forward.
 *
 * Place: util. Context: ordinary code of any thread.
 */
#ifndef SIGPROF_UTIL_CLOCK_H
#define SIGPROF_UTIL_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC in ns. */
static inline int64_t sp_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif
