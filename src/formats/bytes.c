/*
 * The growing block of bytes. See bytes.h.
 * Context: ordinary code.
 */
#include "formats/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 256 };

void sp_bytes_done(struct sp_bytes *bytes)
{
    free(bytes->at);
    *bytes = (struct sp_bytes){0};
}

bool sp_bytes_reserve(struct sp_bytes *bytes, size_t extra)
{
    if (bytes->error)
        return false;
    if (extra <= bytes->capacity - bytes->n)
        return true;
    size_t needed, capacity = bytes->capacity > PTRDIFF_MAX / 2 ? PTRDIFF_MAX : bytes->capacity * 2;
    bool is_too_much = __builtin_add_overflow(bytes->n, extra, &needed) || needed > PTRDIFF_MAX;
    if (capacity < needed)
        capacity = needed;
    if (capacity < FIRST_CAPACITY)
        capacity = FIRST_CAPACITY;
    uint8_t *moved = is_too_much ? NULL : realloc(bytes->at, capacity);
    if (!moved) {
        bytes->error = -ENOMEM;
        return false;
    }
    bytes->at = moved;
    bytes->capacity = capacity;
    return true;
}

void sp_bytes_put(struct sp_bytes *bytes, const void *data, size_t n)
{
    if (n == 0 || !sp_bytes_reserve(bytes, n))
        return;
    memcpy(bytes->at + bytes->n, data, n);
    bytes->n += n;
}

int sp_bytes_sink(void *user, const void *data, size_t n)
{
    struct sp_bytes *bytes = user;
    sp_bytes_put(bytes, data, n);
    return bytes->error;
}
