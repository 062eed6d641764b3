/* A program to record: inlined calls, recursion and a call through a pointer, for about as many ms as it is told. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static volatile uint64_t sink;

static inline __attribute__((always_inline)) uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    return x ^ x >> 29;
}

static inline __attribute__((always_inline)) uint64_t mix_twice(uint64_t x)
{
    return mix(mix(x) + 1);
}

__attribute__((noinline)) static uint64_t spin(uint64_t n)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += mix_twice(i);
    return sum;
}

__attribute__((noinline)) static uint64_t divide(uint64_t n)
{
    uint64_t sum = 0;
    for (uint64_t i = 1; i < n; i++)
        sum += mix(i) % i;
    return sum;
}

__attribute__((noinline)) static uint64_t recurse(int depth)
{
    return depth == 0 ? spin(2000) : recurse(depth - 1) + (depth % 2 != 0 ? divide(500) : 1);
}

int main(int argc, char **argv)
{
    uint64_t (*volatile const by_pointer)(uint64_t) = spin;
    const clock_t end = clock() + (argc > 1 ? atol(argv[1]) : 300) * (CLOCKS_PER_SEC / 1000);
    while (clock() < end)
        sink += recurse(8) + by_pointer(3000);
    printf("%llu\n", (unsigned long long)sink);
    return 0;
}
