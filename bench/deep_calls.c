/*
 * 256 functions of 40 different frame sizes, to be called one from the other; see deep_calls.h.
 *
 * Context: benchmarks only. This file is compiled several times: into a program and into a shared library, with frame
 * pointers and without. DEEP_TABLE is the name of the table that it defines.
 */
#include "deep_calls.h"

/*
 * Leaves room on its stack, and keeps a few values over the call in registers that it has to save. Not a tail call: it
 * has something to do afterwards.
 */
#define DEFINE(n)                                                                \
    __attribute__((noinline)) static uint32_t deep_##n(struct deep_chain *chain) \
    {                                                                            \
        char room[16 + 8 * ((0x##n * 7) % 40)];                                  \
        const uint32_t before = chain->n_left;                                   \
        __asm__ volatile("" : : "r"(room) : "memory");                           \
        const uint32_t below = deep_next(chain);                                 \
        __asm__ volatile("" : : "r"(room), "r"(before) : "memory");              \
        return below + before % 2;                                               \
    }
#define NAME(n) deep_##n,

#define ROW(what, n)                                                                                              \
    what(n##0) what(n##1) what(n##2) what(n##3) what(n##4) what(n##5) what(n##6) what(n##7) what(n##8) what(n##9) \
        what(n##a) what(n##b) what(n##c) what(n##d) what(n##e) what(n##f)
#define ALL(what) \
    ROW(what, 0)  \
    ROW(what, 1)  \
    ROW(what, 2)  \
    ROW(what, 3)  \
    ROW(what, 4)  \
    ROW(what, 5)  \
    ROW(what, 6)  \
    ROW(what, 7) ROW(what, 8) ROW(what, 9) ROW(what, a) ROW(what, b) ROW(what, c) ROW(what, d) ROW(what, e) ROW(what, f)

ALL(DEFINE)

__attribute__((visibility("default"))) deep_function *const DEEP_TABLE[DEEP_FUNCTIONS] = {ALL(NAME)};
