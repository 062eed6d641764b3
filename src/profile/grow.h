/*
 * Growth of a profile's arrays: checked against overflow, against the 32 bits of an index, and against the profile's
 * memory limit; the first failure stays in `profile->error`.
 *
 * Place on the way of a sample: inside src/profile only.
 * Context: ordinary code of one thread at a time.
 */
#ifndef SIGPROF_PROFILE_GROW_H
#define SIGPROF_PROFILE_GROW_H

#include "profile/profile.h"

/* Records an error, unless there is one already. */
void sp_profile_fail(struct sp_profile *profile, int error);

/* Counts `bytes` more against the memory limit: whether they may be taken. */
bool sp_profile_may_take(struct sp_profile *profile, size_t bytes);

/*
 * Makes `*at` hold at least n + extra items of `item_bytes`; `*at` and `*capacity` change together. `n_max` is the
 * largest number of items. False, with the sticky error set and nothing changed, when that cannot be.
 */
bool sp_profile_grow(struct sp_profile *profile, void **at, size_t n, size_t *capacity, size_t extra, size_t item_bytes,
                     size_t n_max);

/* Whether `array` of `profile` has room for `extra` more items; grows it where needed. False after any error. */
#define SP_RESERVE_MAX(profile, array, extra, n_max)                                                 \
    ({                                                                                               \
        size_t extra_items = (extra);                                                                \
        bool has_room = !(profile)->error;                                                           \
        if (has_room && extra_items > (array).capacity - (array).n) {                                \
            void *grown = (array).at;                                                                \
            has_room = sp_profile_grow((profile), &grown, (array).n, &(array).capacity, extra_items, \
                                       sizeof(*(array).at), (n_max));                                \
            (array).at = grown;                                                                      \
        }                                                                                            \
        has_room;                                                                                    \
    })

/* The same for an array whose positions are 32-bit indexes; SP_NONE is not a position. */
#define SP_RESERVE(profile, array, extra) SP_RESERVE_MAX(profile, array, extra, (size_t)SP_NONE)

#endif
