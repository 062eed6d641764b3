/*
 * The sticky-error reader and the wire format of Protocol Buffers. See reader.h.
 * Context: ordinary code.
 */
#include "util/reader.h"

enum {
    GROUP_BITS = 7,
    MORE = 0x80,         /* the flag in a varint's byte: another one follows */
    LONGEST_VARINT = 10, /* bytes of a 64-bit number */
    WIRE_BITS = 3,
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

struct sp_reader sp_reader_sub(struct sp_reader *reader, uint64_t n)
{
    struct sp_reader sub = *reader;
    if (n > sp_reader_left(reader)) {
        sp_reader_fail(reader, sp_reader_position(reader), "a field is longer than what is left");
        n = 0;
    }
    sub.end = sub.at + n;
    if (!reader->error)
        reader->at = sub.end;
    return sub;
}

bool sp_reader_field(struct sp_reader *reader, struct sp_field *field)
{
    if (reader->at == reader->end)
        return false;
    field->position = sp_reader_position(reader);
    uint64_t key = sp_reader_varint(reader);
    field->number = key >> WIRE_BITS;
    field->wire = (enum sp_wire)(key & ((1U << WIRE_BITS) - 1));
    field->value = 0;
    switch (field->wire) {
    case SP_WIRE_VARINT:
        field->value = sp_reader_varint(reader);
        break;
    case SP_WIRE_FIXED64:
        field->value = sp_reader_fixed(reader, sizeof(uint64_t));
        break;
    case SP_WIRE_BYTES:
        field->bytes = sp_reader_sub(reader, sp_reader_varint(reader));
        break;
    case SP_WIRE_FIXED32:
        field->value = sp_reader_fixed(reader, sizeof(uint32_t));
        break;
    default:
        sp_reader_fail(reader, field->position, "a field has an unknown wire type");
    }
    return !reader->error;
}

struct sp_reader sp_reader_message(struct sp_reader *reader, const struct sp_field *field)
{
    if (field->wire == SP_WIRE_BYTES)
        return field->bytes;
    sp_reader_fail(reader, field->position, "a message or string field has another wire type");
    struct sp_reader empty = *reader;
    empty.end = empty.at;
    return empty;
}
