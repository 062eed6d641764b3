/*
 * A table from numbers to numbers. See dwarf_map.h.
 *
 * Context: ordinary code of one thread at a time.
 */
#include "symbolize/dwarf_map.h"

#include "util/hash.h"

#include <stdlib.h>

#define FIRST_CAPACITY 256

void sp_dwarf_map_clear(struct sp_dwarf_map *map)
{
    map->n = 0;
    if (++map->round != 0)
        return;
    for (size_t i = 0; i < map->capacity; i++)
        map->slots[i].round = 0;
    map->round = 1;
}

void sp_dwarf_map_done(struct sp_dwarf_map *map)
{
    free(map->slots);
    *map = (struct sp_dwarf_map){.n = 0};
}

/* The slot of a key, or the free one where it belongs. There is always a free one. */
static struct sp_dwarf_map_slot *slot_of(const struct sp_dwarf_map *map, uint64_t key)
{
    size_t at = (size_t)sp_hash_word(sp_hash_seed(), key);
    for (;; at++) {
        struct sp_dwarf_map_slot *slot = &map->slots[at & (map->capacity - 1)];
        if (slot->round != map->round || slot->key == key)
            return slot;
    }
}

bool sp_dwarf_map_find(const struct sp_dwarf_map *map, uint64_t key, uint32_t *value)
{
    if (map->n == 0)
        return false;
    const struct sp_dwarf_map_slot *slot = slot_of(map, key);
    if (slot->round != map->round)
        return false;
    *value = slot->value;
    return true;
}

static bool grow(struct sp_dwarf_map *map)
{
    struct sp_dwarf_map larger = {.n = map->n, .round = 1};
    larger.capacity = map->capacity ? 2 * map->capacity : FIRST_CAPACITY;
    larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
    if (!larger.slots)
        return false;
    for (size_t i = 0; i < map->capacity; i++) {
        const struct sp_dwarf_map_slot *slot = &map->slots[i];
        if (slot->round == map->round)
            *slot_of(&larger, slot->key) = (struct sp_dwarf_map_slot){slot->key, 1, slot->value};
    }
    free(map->slots);
    *map = larger;
    return true;
}

bool sp_dwarf_map_add(struct sp_dwarf_map *map, uint64_t key, uint32_t value)
{
    if (2 * (map->n + 1) > map->capacity && !grow(map))
        return false;
    *slot_of(map, key) = (struct sp_dwarf_map_slot){key, map->round, value};
    map->n++;
    return true;
}
