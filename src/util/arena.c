/*
 * The arena. See arena.h.
 * Context: ordinary code of one thread at a time.
 */
#include "util/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_CHUNK_BYTES = 4 << 10,
    LARGEST_CHUNK_BYTES = 1 << 20,
};

struct chunk {
    struct chunk *older;
    char bytes[];
};

struct sp_arena {
    struct chunk *newest;
    size_t used, capacity; /* of newest->bytes */
    size_t next_capacity;  /* doubles from chunk to chunk, up to the largest */
    size_t total_bytes;
};

struct sp_arena *sp_arena_new(void)
{
    struct sp_arena *arena = calloc(1, sizeof(*arena));
    if (arena)
        arena->next_capacity = FIRST_CHUNK_BYTES;
    return arena;
}

void sp_arena_free(struct sp_arena *arena)
{
    if (!arena)
        return;
    while (arena->newest) {
        struct chunk *older = arena->newest->older;
        free(arena->newest);
        arena->newest = older;
    }
    free(arena);
}

/* Makes a new chunk that has room for at least `n` bytes the newest one. */
static int add_chunk(struct sp_arena *arena, size_t n)
{
    size_t capacity = n > arena->next_capacity ? n : arena->next_capacity;
    if (capacity > SIZE_MAX - sizeof(struct chunk))
        return -1;
    struct chunk *chunk = malloc(sizeof(*chunk) + capacity);
    if (!chunk)
        return -1;
    chunk->older = arena->newest;
    arena->newest = chunk;
    arena->used = 0;
    arena->capacity = capacity;
    arena->total_bytes += sizeof(*chunk) + capacity;
    if (arena->next_capacity < LARGEST_CHUNK_BYTES)
        arena->next_capacity *= 2;
    return 0;
}

char *sp_arena_take(struct sp_arena *arena, size_t n)
{
    if ((!arena->newest || n > arena->capacity - arena->used) && add_chunk(arena, n) != 0)
        return NULL;
    char *block = arena->newest->bytes + arena->used;
    arena->used += n;
    return block;
}

const char *sp_arena_copy(struct sp_arena *arena, const char *text, size_t n)
{
    char *copy = n < SIZE_MAX ? sp_arena_take(arena, n + 1) : NULL;
    if (!copy)
        return NULL;
    if (n)
        memcpy(copy, text, n);
    copy[n] = '\0';
    return copy;
}

size_t sp_arena_bytes(const struct sp_arena *arena)
{
    return arena->total_bytes;
}
