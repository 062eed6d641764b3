/*
 * The map of ids. See id_map.h.
 * Context: ordinary code.
 */
#include "formats/id_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/hash.h"

enum { FIRST_SLOTS = 64 };

int sp_id_map_init(struct sp_id_map *map, size_t n)
{
    *map = (struct sp_id_map){0};
    if (n == 0)
        return 0;
    map->dense = n <= PTRDIFF_MAX / sizeof(*map->dense) ? malloc(n * sizeof(*map->dense)) : NULL;
    if (!map->dense)
        return -ENOMEM;
    memset(map->dense, 0xff, n * sizeof(*map->dense)); /* SP_ID_NONE */
    map->n_dense = n;
    return 0;
}

void sp_id_map_done(struct sp_id_map *map)
{
    free(map->dense);
    free(map->sparse);
    *map = (struct sp_id_map){0};
}

/* The slot of `id`, or the free one where it belongs. There is always a free one. */
static struct sp_id_entry *slot_of(const struct sp_id_map *map, uint64_t id)
{
    size_t slot = (size_t)sp_hash_word(sp_hash_seed(), id) & (map->n_slots - 1);
    while (map->sparse[slot].id != 0 && map->sparse[slot].id != id)
        slot = (slot + 1) & (map->n_slots - 1);
    return &map->sparse[slot];
}

static int double_slots(struct sp_id_map *map)
{
    struct sp_id_map larger = *map;
    larger.n_slots = map->n_slots ? map->n_slots * 2 : FIRST_SLOTS;
    larger.sparse = calloc(larger.n_slots, sizeof(*larger.sparse));
    if (!larger.sparse)
        return -ENOMEM;
    for (size_t i = 0; i < map->n_slots; i++) {
        if (map->sparse[i].id != 0)
            *slot_of(&larger, map->sparse[i].id) = map->sparse[i];
    }
    free(map->sparse);
    *map = larger;
    return 0;
}

static int put_sparse(struct sp_id_map *map, uint64_t id, uint32_t position)
{
    if (map->n_sparse >= map->n_slots / 2 && double_slots(map) != 0)
        return -ENOMEM;
    struct sp_id_entry *entry = slot_of(map, id);
    if (entry->id == id)
        return -EEXIST;
    *entry = (struct sp_id_entry){.id = id, .position = position};
    map->n_sparse++;
    return 0;
}

int sp_id_map_put(struct sp_id_map *map, uint64_t id, uint32_t position)
{
    if (id - 1 >= map->n_dense)
        return put_sparse(map, id, position);
    if (map->dense[id - 1] != SP_ID_NONE)
        return -EEXIST;
    map->dense[id - 1] = position;
    return 0;
}

uint32_t sp_id_map_get_sparse(const struct sp_id_map *map, uint64_t id)
{
    if (id == 0 || map->n_slots == 0)
        return SP_ID_NONE;
    const struct sp_id_entry *entry = slot_of(map, id);
    return entry->id == id ? entry->position : SP_ID_NONE;
}
