/*
 * The frames of a walk, as many as there is room for.
 *
 * Place: handler, inside of unwind. Context: signal handler; a list belongs to one walk.
 */
#ifndef SIGPROF_HANDLER_FRAME_LIST_H
#define SIGPROF_HANDLER_FRAME_LIST_H

#include <stdint.h>

#include "handler/segment.h"

/*
 * Where the frames go. The first max_depth are put one after another. When there is one more, the leaf's half stays,
 * the next place becomes the gap, and the rest a ring that keeps the last ones.
 */
struct sp_frame_list {
    uint64_t *pcs;
    uint32_t max_depth, depth;
    uint32_t ring, oldest; /* first place of the ring, and the one to be written next; ring 0: there is none yet */
};

static inline void sp_frame_list_put(struct sp_frame_list *output, uint64_t pc)
{
    if (output->depth < output->max_depth) {
        output->pcs[output->depth++] = pc;
        return;
    }
    if (output->max_depth < 3)
        return;
    if (output->ring == 0) {
        output->ring = output->oldest = output->max_depth / 2 + 1;
        output->pcs[output->ring - 1] = SP_PC_GAP;
    }
    output->pcs[output->oldest++] = pc;
    if (output->oldest == output->max_depth)
        output->oldest = output->ring;
}

static inline void reverse(uint64_t *words, uint32_t n)
{
    for (uint32_t i = 0; i < n / 2; i++) {
        const uint64_t word = words[i];
        words[i] = words[n - 1 - i];
        words[n - 1 - i] = word;
    }
}

/* Turns the ring so that its oldest frame is first. */
static inline void sp_frame_list_straighten(const struct sp_frame_list *output)
{
    uint64_t *ring = output->pcs + output->ring;
    const uint32_t n = output->max_depth - output->ring, first = output->oldest - output->ring;
    reverse(ring, first);
    reverse(ring + first, n - first);
    reverse(ring, n);
}

#endif
