/*
 * slower N: always the same work in three functions, or N times as much in one of them, slow.
 * slower for MS: CPU time instead of work: MS milliseconds in slow, UNCHANGED_MS in each of the others.
 *
 * Work is counted in steps, not in time: two runs do the same. CPU time is the thread's own, so that it is the same on
 * a machine that others use, too. The loops are not a function of their own, which would be inlined, and then be what
 * profiles name.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 800, STEPS = 250000, UNCHANGED_MS = 300, MS_PER_S = 1000, NS_PER_MS = 1000000 };

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

static int64_t cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS;
}

static void spend(const char *ms_of_slow)
{
    int64_t end = cpu_ms() + atoi(ms_of_slow);
    while (cpu_ms() < end)
        slow(1);
    for (end += UNCHANGED_MS; cpu_ms() < end;)
        steady();
    for (end += UNCHANGED_MS; cpu_ms() < end;)
        other();
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "for") == 0) {
        spend(argv[2]);
        return 0;
    }
    if (argc != 2)
        return 2;
    for (int round = 0; round < ROUNDS; round++) {
        slow(atoi(argv[1]));
        steady();
        other();
    }
    return 0;
}
