/*
 * slower N: always the same work in three functions, or N times as much in one of them, slow.
 *
 * The work is counted in steps, not in time: two runs do the same. The loops are not a function of their own, which
 * would be inlined, and then be what profiles name.
 */
#include <stdint.h>
#include <stdlib.h>

enum { ROUNDS = 800, STEPS = 250000 };

static volatile uint64_t sink;

#define DO_STEPS(factor)                         \
    do {                                         \
        uint64_t x = sink | 1;                   \
        for (int step = 0; step < STEPS; step++) \
            x = x * UINT64_C(factor) + 1;        \
        sink = x;                                \
    } while (0)

__attribute__((noinline)) static void slow(int times)
{
    for (int i = 0; i < times; i++)
        DO_STEPS(6364136223846793005);
}

__attribute__((noinline)) static void steady(void)
{
    DO_STEPS(2862933555777941757);
}

__attribute__((noinline)) static void other(void)
{
    DO_STEPS(3202034522624059733);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    for (int round = 0; round < ROUNDS; round++) {
        slow(atoi(argv[1]));
        steady();
        other();
    }
    return 0;
}
