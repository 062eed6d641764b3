/*
 * The same work in every run, half arithmetic and half memory, at the bottom of 24 calls.
 *
 * usage: fixed_work CHUNKS [timer|perf HZ]
 *
 *   timer, perf  an empty handler runs at this rate (empty_trigger.h)
 *
 * A chunk is some 10 µs. Each goes down another way of the two at every call, as programs do: stacks differ, and many
 * come again. Prints: wall_ns N cpu_ns N signals N result N. The result depends on every chunk, and on nothing else.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "empty_trigger.h"

enum {
    CALLS = 24,
    WAYS = 64,       /* different stacks */
    ROUNDS = 4000,   /* of arithmetic in a chunk */
    JUMPS = 400,     /* in memory, each to where the one before says */
    CELLS = 1 << 20, /* 8 MiB: beyond the second-level cache */
};

static uint64_t cells[CELLS];

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint64_t next_random(uint64_t x)
{
    return x * 6364136223846793005u + 1442695040888963407u;
}

__attribute__((noinline)) static uint64_t compute(uint64_t x)
{
    for (int i = 0; i < ROUNDS; i++)
        x = next_random(x ^ x >> 29);
    return x;
}

__attribute__((noinline)) static uint64_t jump(uint64_t x)
{
    for (int i = 0; i < JUMPS; i++) {
        uint64_t *cell = &cells[(x >> 20) % CELLS];
        x = next_random(x ^ *cell);
        *cell = x;
    }
    return x;
}

/* Each level is a frame, by one of two call sites: the empty statements keep the compiler from making it a loop. */
__attribute__((noinline)) static uint64_t descend(int calls, uint32_t way, uint64_t x)
{
    if (calls == 0) {
        x = jump(compute(x));
        __asm__ volatile("# bottom" : "+r"(x));
    } else if ((way & 1) != 0) {
        x = descend(calls - 1, way >> 1, x);
        __asm__ volatile("# odd" : "+r"(x));
    } else {
        x = descend(calls - 1, way >> 1, x);
        __asm__ volatile("# even" : "+r"(x));
    }
    return x;
}

static uint64_t work(long chunks)
{
    uint64_t x = 1;
    for (long i = 0; i < chunks; i++)
        x = descend(CALLS, (uint32_t)(x >> 40) % WAYS, x);
    return x;
}

int main(int argc, char **argv)
{
    const long chunks = argc > 1 ? atol(argv[1]) : 0, hz = argc == 4 ? atol(argv[3]) : 0;
    if (chunks < 1 || (argc != 2 && hz < 1))
        return fprintf(stderr, "usage: fixed_work CHUNKS [timer|perf HZ]\n"), 2;
    const int error = hz != 0 ? empty_trigger_start(argv[2], 1000000000 / hz) : 0;
    if (error != 0)
        return fprintf(stderr, "fixed_work: no %s: %s\n", argv[2], strerror(-error)), 1;
    const int64_t wall_ns = clock_ns(CLOCK_MONOTONIC), cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    const uint64_t result = work(chunks);
    printf("wall_ns %lld cpu_ns %lld signals %llu result %llu\n", (long long)(clock_ns(CLOCK_MONOTONIC) - wall_ns),
           (long long)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns), (unsigned long long)empty_trigger_signals(),
           (unsigned long long)result);
    return 0;
}
