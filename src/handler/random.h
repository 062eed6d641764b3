/*
 * Random numbers without a lock, for phases. They are spread evenly, and no secret.
 *
 * Place: handler. Context: signal handler and any thread; all calls may overlap.
 */
#ifndef SIGPROF_HANDLER_RANDOM_H
#define SIGPROF_HANDLER_RANDOM_H

#include <stdint.h>

#include "handler/order.h"

/* The next number of the sequence at `seed`, which any number of threads share: splitmix64 (Steele, Lea, Flood 2014).
 */
static inline uint64_t sp_random(_Atomic uint64_t *seed)
{
    uint64_t z = sp_add_relaxed(seed, (uint64_t)0x9e3779b97f4a7c15u) + 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

#endif
