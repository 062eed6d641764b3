/*
 * Work in frames of different kinds: small ones, large ones, of a size that is known at run time only, realigned ones,
 * and a callback out of libc. It has no data of its own in the segment of its tables.
 */
#include "mutated_library.h"

#include <alloca.h>
#include <stdlib.h>
#include <string.h>

#define NO_INLINE __attribute__((noinline))
#define KEEP(pointer) __asm__ volatile("" : : "r"(pointer) : "memory")

static NO_INLINE uint64_t step(unsigned depth, uint64_t seed);

static NO_INLINE uint64_t mix(uint64_t seed)
{
    for (unsigned i = 0; i < 50; i++)
        seed = (seed ^ seed >> 29) * 0x9e3779b97f4a7c15u;
    return seed;
}

static NO_INLINE uint64_t in_large_frame(unsigned depth, uint64_t seed)
{
    uint64_t words[100];
    for (unsigned i = 0; i < 100; i += 10)
        words[i] = seed + i;
    KEEP(words);
    const uint64_t result = step(depth, seed);
    KEEP(words);
    return result + words[seed % 10 * 10];
}

static NO_INLINE uint64_t in_variable_frame(unsigned depth, uint64_t seed)
{
    char *const bytes = alloca(16 + seed % 256);
    bytes[seed % 16] = (char)seed;
    KEEP(bytes);
    return step(depth, seed) + (uint8_t)bytes[seed % 16];
}

static NO_INLINE uint64_t in_realigned_frame(unsigned depth, uint64_t seed)
{
    __attribute__((aligned(64))) uint64_t words[8] = {seed};
    char *const bytes = alloca(16 + seed % 64);
    bytes[0] = 1;
    KEEP(bytes);
    KEEP(words);
    return step(depth, seed) + words[0] + (uint8_t)bytes[0];
}

static int compare(const void *a, const void *b)
{
    const uint64_t left = mix(*(const uint64_t *)a), right = mix(*(const uint64_t *)b);
    return (left > right) - (left < right);
}

static NO_INLINE uint64_t in_callback(unsigned depth, uint64_t seed)
{
    uint64_t words[6];
    for (unsigned i = 0; i < 6; i++)
        words[i] = seed * (i + 1);
    qsort(words, 6, sizeof *words, compare);
    return step(depth, seed) + words[0];
}

static NO_INLINE uint64_t step(unsigned depth, uint64_t seed)
{
    seed = mix(seed);
    if (depth == 0)
        return seed;
    switch (seed % 4) {
    case 0:
        return 1 + in_large_frame(depth - 1, seed);
    case 1:
        return 1 + in_variable_frame(depth - 1, seed);
    case 2:
        return 1 + in_realigned_frame(depth - 1, seed);
    default:
        return 1 + in_callback(depth - 1, seed);
    }
}

uint64_t mutated_work(unsigned depth, uint64_t seed)
{
    return 1 + step(depth, seed);
}
