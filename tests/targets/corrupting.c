/*
 * corrupting [SECONDS]: a function overwrites all words of the frames above it, its own return address among them, with
 * garbage of several kinds, works for a while, and puts them back before anyone returns.
 */
#include "hostile.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

enum { THREADS = 3, WORDS = 512, KINDS = 10, PAGE = 4096, STACK_BYTES = 1 << 20 };

struct vandal {
    uintptr_t *from, *to; /* the words to overwrite: from above the function's own frame, to the thread's start */
    unsigned kind;
    uint64_t rounds, wrong, sink;
};

static double until;
static char *no_access;

/* The word to put at `at`, in place of `was`. */
static uintptr_t garbage(unsigned kind, const uintptr_t *at, uintptr_t was, uint64_t *random)
{
    *random = hostile_spin(*random, 1);
    switch (kind) {
    case 0:
        return 0;
    case 1:
        return UINTPTR_MAX;
    case 2:
        return (uintptr_t)*random; /* no address, for the most part */
    case 3:
        return (uintptr_t)at; /* itself */
    case 4:
        return (uintptr_t)(at - 64); /* back */
    case 5:
        return (uintptr_t)no_access + *random % PAGE;
    case 6:
        return (uintptr_t)&garbage + *random % PAGE; /* code, in the middle of instructions */
    case 7:
        return (uintptr_t)memcpy + *random % (1 << 20); /* libc's */
    case 8:
        return was ^ (*random % 64 == 0 ? *random % 256 : 0); /* nearly right */
    default:
        return (uintptr_t)at + *random % 4096; /* forward on the stack, unaligned */
    }
}

/* Nothing of its own is above `vandal->from`, but for the return address. */
__attribute__((noinline)) static void corrupt(struct vandal *vandal)
{
    uintptr_t saved[WORDS];
    uint64_t random = vandal->rounds;
    vandal->from = (uintptr_t *)__builtin_frame_address(0) + 1;
    const size_t n = (size_t)(vandal->to - vandal->from);
    volatile uintptr_t *words = vandal->from;
    for (size_t i = 0; i < n; i++)
        saved[i] = words[i];
    for (size_t i = 0; i < n; i++)
        words[i] = garbage(vandal->kind, vandal->from + i, saved[i], &random);
    vandal->sink = hostile_spin(vandal->sink, 10000);
    for (size_t i = 0; i < n; i++)
        words[i] = saved[i];
}

/* Some frames between, of unequal sizes; each checks that its own words are as they were. */
__attribute__((noinline)) static void descend(struct vandal *vandal, unsigned depth)
{
    volatile uint64_t own[5];
    for (unsigned i = 0; i < 5; i++)
        own[i] = vandal->rounds + depth + i;
    if (depth > 0)
        descend(vandal, depth - 1);
    else
        corrupt(vandal);
    for (unsigned i = 0; i < 5; i++)
        vandal->wrong += own[i] != vandal->rounds + depth + i;
}

static void *work(void *argument)
{
    struct vandal *vandal = argument;
    uintptr_t top[8];
    vandal->to = top; /* frames of libc's above are spared */
    __asm__ volatile("" : : "r"(top) : "memory");
    while (hostile_now() < until) {
        vandal->kind = (unsigned)(vandal->rounds % KINDS);
        descend(vandal, 3 + (unsigned)(vandal->rounds % 5));
        vandal->rounds++;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static struct vandal vandals[THREADS];
    pthread_t threads[THREADS];
    uint64_t rounds = 0, wrong = 0;
    until = hostile_until(argc, argv);
    no_access = mmap(NULL, 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, &vandals[i]);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        rounds += vandals[i].rounds;
        wrong += vandals[i].wrong;
    }
    return hostile_end(rounds, wrong);
}
