/*
 * What was found out about a pair of numbers. See pair_memo.h.
 * Context: ordinary code of one thread.
 */
#include "select/pair_memo.h"

#include <errno.h>
#include <stdlib.h>

#include "util/hash.h"

int sp_pair_memo_init(struct sp_pair_memo *memo)
{
    *memo = (struct sp_pair_memo){.index = sp_index_new()};
    return memo->index ? 0 : -ENOMEM;
}

void sp_pair_memo_done(struct sp_pair_memo *memo)
{
    sp_index_free(memo->index);
    free(memo->pairs);
    *memo = (struct sp_pair_memo){0};
}

static uint64_t pair_hash(uint32_t first, uint64_t second)
{
    return sp_hash_word(sp_hash_word(sp_hash_seed(), first), second);
}

static bool is_pair(const struct sp_pair *pair, uint32_t first, uint64_t second)
{
    return pair->first == first && pair->second == second;
}

bool sp_pair_memo_get(struct sp_pair_memo *memo, uint32_t first, uint64_t second, uint32_t *result)
{
    if (memo->n > 0 && is_pair(&memo->pairs[memo->last], first, second)) {
        *result = memo->pairs[memo->last].result;
        return true;
    }
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(memo->index, pair_hash(first, second), &probe); i != SP_INDEX_NONE;
         i = sp_index_next(memo->index, &probe)) {
        if (is_pair(&memo->pairs[i], first, second)) {
            memo->last = i;
            *result = memo->pairs[i].result;
            return true;
        }
    }
    return false;
}

int sp_pair_memo_put(struct sp_pair_memo *memo, uint32_t first, uint64_t second, uint32_t result)
{
    if (memo->n == memo->capacity) {
        uint32_t larger = memo->capacity ? memo->capacity * 2 : 64;
        if (larger <= memo->capacity)
            return -ENOMEM;
        struct sp_pair *moved = realloc(memo->pairs, larger * sizeof(*moved));
        if (!moved)
            return -ENOMEM;
        memo->pairs = moved;
        memo->capacity = larger;
    }
    if (sp_index_put(memo->index, pair_hash(first, second), memo->n) != 0)
        return -ENOMEM;
    memo->last = memo->n;
    memo->pairs[memo->n++] = (struct sp_pair){.first = first, .second = second, .result = result};
    return 0;
}
