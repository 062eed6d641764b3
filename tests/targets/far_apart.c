/*
 * far_apart CPU_MS: three functions take turns, each a third of the time. Built several times: with its code in
 * segments that are GiB apart, or at an address that is not 0, or at file offsets that are not its addresses.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef uint64_t spin(uint64_t x, unsigned rounds);
spin near_hot, middle_hot, far_hot;

static inline __attribute__((always_inline)) uint64_t spin_here(uint64_t x, unsigned rounds)
{
    while (rounds-- > 0) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        __asm__ volatile("" : "+r"(x));
    }
    return x;
}

__attribute__((noinline)) uint64_t near_hot(uint64_t x, unsigned rounds)
{
    return spin_here(x, rounds);
}

__attribute__((noinline, section(".middle_text"))) uint64_t middle_hot(uint64_t x, unsigned rounds)
{
    return spin_here(x, rounds);
}

__attribute__((noinline, section(".far_text"))) uint64_t far_hot(uint64_t x, unsigned rounds)
{
    return spin_here(x, rounds);
}

static spin *volatile all[] = {near_hot, middle_hot, far_hot};

static double cpu_ms(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec * 1e3 + (double)used.tv_nsec * 1e-6;
}

int main(int argc, char **argv)
{
    const double until_ms = argc > 1 ? atof(argv[1]) : 1000;
    uint64_t x = 1;
    while (cpu_ms() < until_ms)
        for (unsigned i = 0; i < 30; i++)
            x = all[i % 3](x, 10000);
    return x == 0;
}
