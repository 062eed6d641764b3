/*
 * Room for one more item in an array that grows.
 *
 * Place: util. Context: ordinary code; no state.
 */
#ifndef SIGPROF_UTIL_ROOM_H
#define SIGPROF_UTIL_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/*
 * Makes sure that `*at`, on the heap, which has room for `*capacity` items of `item_bytes`, has it for one behind the
 * first `n`: doubles. False without memory; then nothing has changed.
 */
static inline bool sp_make_room(void **at, size_t n, size_t *capacity, size_t item_bytes)
{
    if (n < *capacity)
        return true;
    const size_t wanted = *capacity == 0 ? 64 : 2 * *capacity;
    void *grown = reallocarray(*at, wanted, item_bytes);
    if (grown == NULL)
        return false;
    *at = grown;
    *capacity = wanted;
    return true;
}

#endif
