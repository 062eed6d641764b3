/*
 * From the ids in a profile.proto to positions in a profile.
 *
 * Place on the way of a sample: inside the reader of pprof files. Ids may be any number but 0; nearly always they are
 * 1, 2, 3, ..., so those up to `n_dense` stand in a plain array, and the others in a hash table.
 *
 * Context: ordinary code.
 */
#ifndef SIGPROF_FORMATS_ID_MAP_H
#define SIGPROF_FORMATS_ID_MAP_H

#include <stddef.h>
#include <stdint.h>

#define SP_ID_NONE UINT32_MAX

struct sp_id_entry {
    uint64_t id; /* 0: free */
    uint32_t position;
};

/* Zero-initialised is empty with n_dense 0; sp_id_map_done frees. */
struct sp_id_map {
    uint32_t *dense; /* [id - 1] */
    size_t n_dense;
    struct sp_id_entry *sparse; /* open addressing; at most half full */
    size_t n_sparse, n_slots;   /* n_slots is 0 or a power of two */
};

/* Prepares for about `n` ids: 0 or -ENOMEM. */
int sp_id_map_init(struct sp_id_map *map, size_t n);
void sp_id_map_done(struct sp_id_map *map);

/* Gives `id` (not 0) a position: 0, -EEXIST when it has one, -ENOMEM. */
int sp_id_map_put(struct sp_id_map *map, uint64_t id, uint32_t position);

/* sp_id_map_get for ids outside the array. */
uint32_t sp_id_map_get_sparse(const struct sp_id_map *map, uint64_t id);

/* The position of `id`, or SP_ID_NONE. */
static inline uint32_t sp_id_map_get(const struct sp_id_map *map, uint64_t id)
{
    return id - 1 < map->n_dense ? map->dense[id - 1] : sp_id_map_get_sparse(map, id);
}

#endif
