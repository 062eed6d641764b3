/* cmocka and what it wants before it. Included first by every unit test of the handler and the collector. */
#ifndef SIGPROF_TESTS_CHECK_H
#define SIGPROF_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

/* A pseudo-random sequence that is the same in every run (xorshift64, Marsaglia 2003). The state may not be 0. */
static inline uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

#endif
