/*
 * Appending to a growing block of bytes (struct sp_bytes), with a sticky error.
 *
 * Place on the way of a sample: under the writers of formats and the decompression of readers.
 * Context: ordinary code.
 */
#ifndef SIGPROF_FORMATS_BYTES_H
#define SIGPROF_FORMATS_BYTES_H

#include <stdbool.h>

#include "formats/formats.h"

/* Makes room for `extra` more bytes: false, with the sticky error set, when there is no memory. */
bool sp_bytes_reserve(struct sp_bytes *bytes, size_t extra);

/* Appends data[0..n). After an error nothing is appended. */
void sp_bytes_put(struct sp_bytes *bytes, const void *data, size_t n);

/* The same as a sink (struct sp_json): `user` is the block. 0, or its sticky error. */
int sp_bytes_sink(void *user, const void *data, size_t n);

enum { SP_LONGEST_VARINT = 10 };

/* Writes a base-128 number to `at`, where there has to be room for the longest; returns the byte behind it. */
static inline uint8_t *sp_varint(uint8_t *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

/* Appends a base-128 number. */
static inline void sp_bytes_put_varint(struct sp_bytes *bytes, uint64_t value)
{
    if (bytes->error || (bytes->capacity - bytes->n < SP_LONGEST_VARINT && !sp_bytes_reserve(bytes, SP_LONGEST_VARINT)))
        return;
    bytes->n = (size_t)(sp_varint(bytes->at + bytes->n, value) - bytes->at);
}

#endif
