/*
 * Deep stacks of many different functions, as programs have them: each frame another pc, another frame size, and every
 * second one in another object.
 *
 * Context: benchmarks only.
 */
#ifndef SIGPROF_BENCH_DEEP_CALLS_H
#define SIGPROF_BENCH_DEEP_CALLS_H

#include <stdint.h>

enum { DEEP_FUNCTIONS = 256 }; /* of one table */

struct deep_chain;
typedef uint32_t deep_function(struct deep_chain *chain);

/* Calls to be made, one from the other. */
struct deep_chain {
    deep_function *const *tables[2]; /* taken from in turn */
    uint32_t n_left;                 /* calls */
    void (*at_bottom)(void *user);
    void *user;
};

/* Compiled in each of the four ways, see meson.build: in the program and in a library. */
extern deep_function *const deep_here_without[DEEP_FUNCTIONS], *const deep_here_with[DEEP_FUNCTIONS];
extern deep_function *const deep_there_without[DEEP_FUNCTIONS], *const deep_there_with[DEEP_FUNCTIONS];

static inline uint32_t deep_next(struct deep_chain *chain)
{
    const uint32_t n = chain->n_left--;
    if (n > 0)
        return chain->tables[n % 2][n / 2 % DEEP_FUNCTIONS](chain);
    chain->at_bottom(chain->user);
    return 0;
}

/* Calls `at_bottom` below `calls` functions of the two tables. */
__attribute__((noinline, unused)) static void deep_call(deep_function *const *here, deep_function *const *there,
                                                        uint32_t calls, void (*at_bottom)(void *), void *user)
{
    struct deep_chain chain = {.tables = {here, there}, .n_left = calls, .at_bottom = at_bottom, .user = user};
    deep_next(&chain);
    __asm__ volatile("# above" ::: "memory");
}

#endif
