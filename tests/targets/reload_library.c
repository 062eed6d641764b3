/*
 * One of two libraries that are loaded at the same place in turn. Built twice, with other FRAME_BYTES: the instructions
 * stand at the same offsets, and the rules for them are different. Whoever applies what was learnt of the one to the
 * other goes astray.
 */
#include "hostile.h"

#define JOIN(a, b) a##_##b
#define NAME_OF(side, name) JOIN(side, name)
#define NAME(name) NAME_OF(SIDE, name)

uint64_t NAME(inner)(uint64_t x, unsigned rounds);
uint64_t NAME(outer)(uint64_t x, unsigned rounds);
uint64_t reload_run(uint64_t x, unsigned rounds);
uint64_t reload_frame_bytes(void);

__attribute__((noinline)) uint64_t NAME(inner)(uint64_t x, unsigned rounds)
{
    volatile unsigned char frame[FRAME_BYTES];
    frame[x % FRAME_BYTES] = 1;
    return hostile_spin(x, rounds) + frame[x % FRAME_BYTES] - 1;
}

__attribute__((noinline)) uint64_t NAME(outer)(uint64_t x, unsigned rounds)
{
    volatile unsigned char frame[FRAME_BYTES];
    frame[x % FRAME_BYTES] = 1;
    for (unsigned i = 0; i < rounds; i++) /* so that this frame is the leaf, too, now and then */
        x = NAME(inner)(hostile_spin(x, 50), 50);
    return x + frame[x % FRAME_BYTES] - frame[x % FRAME_BYTES];
}

__attribute__((visibility("default"))) uint64_t reload_run(uint64_t x, unsigned rounds)
{
    return NAME(outer)(x, rounds) + 1;
}

__attribute__((visibility("default"))) uint64_t reload_frame_bytes(void)
{
    return FRAME_BYTES;
}
