/*
 * What was found out about a pair of numbers, so that it is found out once: whether a label is wanted, or which
 * location stands for it.
 *
 * Place on the way of a sample: inside src/select. Context: ordinary code of one thread.
 */
#ifndef SIGPROF_SELECT_PAIR_MEMO_H
#define SIGPROF_SELECT_PAIR_MEMO_H

#include <stdbool.h>
#include <stdint.h>

#include "profile/index.h"

struct sp_pair {
    uint64_t second;
    uint32_t first;
    uint32_t result;
};

struct sp_pair_memo {
    struct sp_index *index;
    struct sp_pair *pairs;
    uint32_t n, capacity;
    uint32_t last; /* the pair that was asked for last: the next sample often has it too */
};

/* 0 or -ENOMEM. To be freed by sp_pair_memo_done in either case. */
int sp_pair_memo_init(struct sp_pair_memo *memo);
void sp_pair_memo_done(struct sp_pair_memo *memo);

/* Whether the pair is known, and then its result. */
bool sp_pair_memo_get(struct sp_pair_memo *memo, uint32_t first, uint64_t second, uint32_t *result);
/* Remembers a pair that is not known: 0 or -ENOMEM. */
int sp_pair_memo_put(struct sp_pair_memo *memo, uint32_t first, uint64_t second, uint32_t result);

#endif
