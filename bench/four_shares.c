/*
 * Four threads with known shares of the CPU time; see four_shares.h.
 *
 * Place: benchmarks only. Context: ordinary code.
 *
 * Each thread ends by its own CPU clock, so its share is right to some 0.1 ms however the kernel schedules the four.
 * The loop stands in each burner itself, not in a function that they share: a tool that sees only the interrupted
 * function can tell them apart too.
 */
#include "four_shares.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

enum { SPINS = 100000 }; /* between two looks at the clock, about 0.1 ms: a look is a system call */

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct load {
    int64_t ns; /* to use; then what was used */
    void (*at_start)(void);
};

/* `step` makes the burners differ: compilers give equal functions one address. */
static inline __attribute__((always_inline)) void *burn(struct load *load, uint64_t step)
{
    const int64_t wanted_ns = load->ns;
    uint64_t x = step;
    if (load->at_start != NULL)
        load->at_start();
    while ((load->ns = clock_ns(CLOCK_THREAD_CPUTIME_ID)) < wanted_ns) {
        for (int i = 0; i < SPINS; i++) {
            x = x * 6364136223846793005u + step;
            __asm__ volatile("" : "+r"(x));
        }
    }
    return NULL;
}

/* Start routines; the argument is a struct load. */
void *burn_40(void *load);
void *burn_30(void *load);
void *burn_20(void *load);
void *burn_10(void *load);

void *burn_40(void *load)
{
    return burn(load, 40001);
}

void *burn_30(void *load)
{
    return burn(load, 30001);
}

void *burn_20(void *load)
{
    return burn(load, 20001);
}

void *burn_10(void *load)
{
    return burn(load, 10001);
}

int burn_four_shares(int64_t cpu_ns, void (*at_start)(void))
{
    void *(*const burners[])(void *) = {burn_40, burn_30, burn_20, burn_10};
    struct load loads[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        loads[i] = (struct load){cpu_ns / 10 * (4 - i), at_start};
        const int error = pthread_create(&threads[i], NULL, burners[i], &loads[i]);
        if (error != 0)
            return error;
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        printf("burn_%d %lld\n", 10 * (4 - i), (long long)loads[i].ns);
    }
    printf("process %lld\n", (long long)clock_ns(CLOCK_PROCESS_CPUTIME_ID));
    fflush(stdout);
    return 0;
}
