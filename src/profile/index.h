/*
 * A hash index over one of a profile's arrays: it maps hashes to positions and knows nothing of what stands there.
 *
 * Place on the way of a sample: inside src/profile, and wherever else equal things have to become one (reports).
 *
 * Representation: open addressing with linear probing; a slot is one 64-bit word, the hash's upper half and the
 * position + 1 (0 is a free slot). At most three quarters of the slots are taken. Nothing is ever removed.
 *
 *     for (i = sp_index_first(index, hash, &probe); i != SP_NONE; i = sp_index_next(index, &probe))
 *         if (array[i] equals what is looked for)
 *             return i;
 *     if (sp_index_put(index, hash, n) == 0)
 *         array[n++] = ...
 *
 * Context: ordinary code of one thread at a time.
 */
#ifndef SIGPROF_PROFILE_INDEX_H
#define SIGPROF_PROFILE_INDEX_H

#include <stddef.h>
#include <stdint.h>

#define SP_INDEX_NONE UINT32_MAX

struct sp_index;

/* Where a search stands. */
struct sp_probe {
    size_t slot;
    uint32_t tag;
};

/* An empty index, or NULL when there is no memory. */
struct sp_index *sp_index_new(void);
void sp_index_free(struct sp_index *index);

/* The first position that was put under a hash with the same upper half, or SP_INDEX_NONE. */
uint32_t sp_index_first(const struct sp_index *index, uint64_t hash, struct sp_probe *probe);
/* The one after it, or SP_INDEX_NONE. */
uint32_t sp_index_next(const struct sp_index *index, struct sp_probe *probe);

/* Begins to load what sp_index_first will look at; worth it where several hashes are known in advance. */
void sp_index_prefetch(const struct sp_index *index, uint64_t hash);

/* Puts `position` (below SP_INDEX_NONE) under `hash`: 0 or -ENOMEM, and then nothing has changed. */
int sp_index_put(struct sp_index *index, uint64_t hash, uint32_t position);

/* How many bytes the index takes now, and how many it would take after one more sp_index_put. */
size_t sp_index_bytes(const struct sp_index *index);
size_t sp_index_bytes_after_put(const struct sp_index *index);

#endif
