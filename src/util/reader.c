/*
 * The sticky-error reader and the wire format of Protocol Buffers. See reader.h.
 * Context: ordinary code.
 */
#include "util/reader.h"

enum {
    GROUP_BITS = 7,
    MORE = 0x80,         /* the flag in a varint's byte: another one follows */
    LONGEST_VARINT = 10, /* bytes of a 64-bit number */
};

void sp_reader_init(struct sp_reader *reader, const uint8_t *data, size_t size)
{
    static const uint8_t nothing[1]; /* arithmetic on a null pointer is undefined, even by 0 */
    if (!data)
        data = nothing;
    *reader = (struct sp_reader){.base = data, .at = data, .end = data + size};
}

void sp_reader_fail(struct sp_reader *reader, size_t position, const char *error)
{
    if (reader->error)
        return;
    reader->error = error;
    reader->error_at = position;
    reader->at = reader->end;
}

uint64_t sp_reader_long_varint(struct sp_reader *reader)
{
    uint64_t value = 0;
    const uint8_t *at = reader->at;
    for (unsigned shift = 0; shift < LONGEST_VARINT * GROUP_BITS; shift += GROUP_BITS) {
        if (at == reader->end) {
            sp_reader_fail(reader, sp_reader_position(reader), "the data end inside a number");
            return 0;
        }
        value |= (uint64_t)(*at & (MORE - 1)) << shift;
        if (!(*at++ & MORE)) {
            reader->at = at;
            return value;
        }
    }
    sp_reader_fail(reader, sp_reader_position(reader), "a number is longer than 64 bits");
    return 0;
}

uint64_t sp_reader_fixed(struct sp_reader *reader, size_t n)
{
    if (n > sp_reader_left(reader)) {
        sp_reader_fail(reader, sp_reader_position(reader), "the data end inside a fixed-size number");
        return 0;
    }
    uint64_t value = 0;
    for (size_t i = n; i-- > 0;)
        value = value << 8 | reader->at[i];
    reader->at += n;
    return value;
}
