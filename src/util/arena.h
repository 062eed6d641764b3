/*
 * An arena: many small blocks that live and die together.
 *
 * Place on the way of a sample: holds the strings of a profile. A block is cut from the current chunk; when the chunk
 * is used up, a new one is allocated and the rest of the old one is left unused. Blocks never move.
 *
 * Context: ordinary code of one thread at a time; never a signal handler.
 */
#ifndef SIGPROF_UTIL_ARENA_H
#define SIGPROF_UTIL_ARENA_H

#include <stddef.h>

struct sp_arena;

/* An empty arena, or NULL when there is no memory. Freed, with all that it gave out, by sp_arena_free. */
struct sp_arena *sp_arena_new(void);
void sp_arena_free(struct sp_arena *arena);

/* `n` bytes, not initialised, not aligned (it is for text); NULL when there is no memory. The arena owns them. */
char *sp_arena_take(struct sp_arena *arena, size_t n);

/* A copy of text[0..n) with a NUL after it, or NULL when there is no memory. The arena owns it. */
const char *sp_arena_copy(struct sp_arena *arena, const char *text, size_t n);

/* How many bytes the arena has taken from the heap. */
size_t sp_arena_bytes(const struct sp_arena *arena);

#endif
