/*
 * The seed of hashes. See hash.h.
 * Context: ordinary code, any thread.
 */
#include "util/hash.h"

#include <stdatomic.h>
#include <sys/random.h>
#include <time.h>

static uint64_t random_word(void)
{
    uint64_t word = 0;
    if (getrandom(&word, sizeof(word), GRND_NONBLOCK) != (ssize_t)sizeof(word))
        word = (uint64_t)time(NULL) ^ (uint64_t)(uintptr_t)&word;
    return word | 1; /* 0 means "not chosen yet" */
}

uint64_t sp_hash_seed(void)
{
    static _Atomic uint64_t seed;
    uint64_t chosen = atomic_load_explicit(&seed, memory_order_relaxed);
    if (chosen)
        return chosen;
    /* Threads that come first at the same time must agree: the first one to store wins. */
    uint64_t fresh = random_word();
    return atomic_compare_exchange_strong(&seed, &chosen, fresh) ? fresh : chosen;
}
