/*
 * Growth of a profile's arrays. See grow.h.
 * Context: ordinary code of one thread at a time.
 */
#include "profile/grow.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST_CAPACITY = 16 };

void sp_profile_fail(struct sp_profile *profile, int error)
{
    if (!profile->error)
        profile->error = error;
}

bool sp_profile_may_take(struct sp_profile *profile, size_t bytes)
{
    if (profile->memory_bytes > profile->memory_limit || bytes > profile->memory_limit - profile->memory_bytes) {
        sp_profile_fail(profile, -EFBIG);
        return false;
    }
    profile->memory_bytes += bytes;
    return true;
}

/* The capacity to go to: twice the old one, at least `needed`, at most `n_max`. */
static size_t next_capacity(size_t capacity, size_t needed, size_t n_max)
{
    size_t next = capacity > n_max / 2 ? n_max : capacity * 2;
    if (next < FIRST_CAPACITY && n_max >= FIRST_CAPACITY)
        next = FIRST_CAPACITY;
    return next < needed ? needed : next;
}

bool sp_profile_grow(struct sp_profile *profile, void **at, size_t n, size_t *capacity, size_t extra, size_t item_bytes,
                     size_t n_max)
{
    if (n_max > PTRDIFF_MAX / item_bytes)
        n_max = PTRDIFF_MAX / item_bytes;
    if (extra > n_max || n > n_max - extra) {
        sp_profile_fail(profile, -EFBIG);
        return false;
    }
    size_t larger = next_capacity(*capacity, n + extra, n_max);
    size_t added = (larger - *capacity) * item_bytes;
    if (!sp_profile_may_take(profile, added))
        return false;
    void *moved = realloc(*at, larger * item_bytes);
    if (!moved) {
        profile->memory_bytes -= added;
        sp_profile_fail(profile, -ENOMEM);
        return false;
    }
    *at = moved;
    *capacity = larger;
    return true;
}
