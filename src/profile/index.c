/*
 * The hash index. See index.h.
 * Context: ordinary code of one thread at a time.
 */
#include "profile/index.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
    FIRST_SLOTS = 64,
    TAG_SHIFT = 32,
};

struct sp_index {
    uint64_t *slots; /* tag << TAG_SHIFT | position + 1 */
    size_t n_slots;  /* a power of two */
    size_t n;        /* slots taken; n * 4 <= n_slots * 3 */
};

/*
 * A slot's place follows from its tag alone, so that growing needs nothing but the slots. Beyond 2^32 slots places
 * would repeat; positions have 32 bits as well, so there are never that many.
 */
static size_t home(const struct sp_index *index, uint32_t tag)
{
    return tag & (index->n_slots - 1);
}

struct sp_index *sp_index_new(void)
{
    struct sp_index *index = malloc(sizeof(*index));
    if (!index)
        return NULL;
    *index = (struct sp_index){.slots = calloc(FIRST_SLOTS, sizeof(uint64_t)), .n_slots = FIRST_SLOTS};
    if (!index->slots) {
        free(index);
        return NULL;
    }
    return index;
}

void sp_index_free(struct sp_index *index)
{
    if (!index)
        return;
    free(index->slots);
    free(index);
}

/* The position in the first slot from probe->slot on that has the tag; the probe moves behind it. */
static uint32_t search(const struct sp_index *index, struct sp_probe *probe)
{
    for (;;) {
        uint64_t word = index->slots[probe->slot];
        if (word == 0)
            return SP_INDEX_NONE;
        probe->slot = (probe->slot + 1) & (index->n_slots - 1);
        if (word >> TAG_SHIFT == probe->tag)
            return (uint32_t)word - 1;
    }
}

uint32_t sp_index_first(const struct sp_index *index, uint64_t hash, struct sp_probe *probe)
{
    probe->tag = (uint32_t)(hash >> TAG_SHIFT);
    probe->slot = home(index, probe->tag);
    return search(index, probe);
}

uint32_t sp_index_next(const struct sp_index *index, struct sp_probe *probe)
{
    return search(index, probe);
}

void sp_index_prefetch(const struct sp_index *index, uint64_t hash)
{
    __builtin_prefetch(&index->slots[home(index, (uint32_t)(hash >> TAG_SHIFT))]);
}

static void place(struct sp_index *index, uint64_t word)
{
    size_t slot = home(index, (uint32_t)(word >> TAG_SHIFT));
    while (index->slots[slot] != 0)
        slot = (slot + 1) & (index->n_slots - 1);
    index->slots[slot] = word;
}

static bool is_full(const struct sp_index *index)
{
    return index->n >= index->n_slots / 4 * 3;
}

static int double_slots(struct sp_index *index)
{
    struct sp_index larger = {.n_slots = index->n_slots * 2, .n = index->n};
    larger.slots = calloc(larger.n_slots, sizeof(uint64_t));
    if (!larger.slots)
        return -ENOMEM;
    for (size_t i = 0; i < index->n_slots; i++) {
        if (index->slots[i] != 0)
            place(&larger, index->slots[i]);
    }
    free(index->slots);
    *index = larger;
    return 0;
}

int sp_index_put(struct sp_index *index, uint64_t hash, uint32_t position)
{
    if (is_full(index) && double_slots(index) != 0)
        return -ENOMEM;
    place(index, hash >> TAG_SHIFT << TAG_SHIFT | (position + 1U));
    index->n++;
    return 0;
}

size_t sp_index_bytes(const struct sp_index *index)
{
    return index->n_slots * sizeof(uint64_t);
}

size_t sp_index_bytes_after_put(const struct sp_index *index)
{
    return sp_index_bytes(index) * (is_full(index) ? 2 : 1);
}
