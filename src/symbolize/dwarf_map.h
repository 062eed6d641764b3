/*
 * A table from numbers to numbers, which is emptied often.
 *
 * Place on the way of a sample: remembers, while a unit is at hand, the names of entries and the paths of files that
 * were looked up, by offset and by number.
 *
 * Representation: open addressing, at most half full. A slot is in use if its round is that of the map, so that
 * emptying is one step.
 *
 * Context: ordinary code of one thread at a time.
 */
#ifndef SIGPROF_SYMBOLIZE_DWARF_MAP_H
#define SIGPROF_SYMBOLIZE_DWARF_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sp_dwarf_map_slot {
    uint64_t key;
    uint32_t round, value;
};

/* All zero at first: empty. Freed by sp_dwarf_map_done. */
struct sp_dwarf_map {
    struct sp_dwarf_map_slot *slots;
    size_t n, capacity; /* 0 or a power of two */
    uint32_t round;
};

void sp_dwarf_map_clear(struct sp_dwarf_map *map);
void sp_dwarf_map_done(struct sp_dwarf_map *map);

/* Whether there is a key, and what stands there. */
bool sp_dwarf_map_find(const struct sp_dwarf_map *map, uint64_t key, uint32_t *value);

/* Adds a key that is not there; false without memory. */
bool sp_dwarf_map_add(struct sp_dwarf_map *map, uint64_t key, uint32_t value);

#endif
