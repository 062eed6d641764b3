/*
 * A reader of foreign bytes that remembers its first error.
 *
 * Place on the way of a sample: under the readers of formats. Once something is wrong (the end comes too early, a
 * number does not end), every further read gives zero and nothing moves; the caller asks once at the end, and learns
 * what was wrong and at which byte. So a parser is written as if its input were good.
 *
 * The second half reads the wire format of Protocol Buffers: fields, each a number, a type and a value.
 *
 * Context: ordinary code.
 */
#ifndef SIGPROF_UTIL_READER_H
#define SIGPROF_UTIL_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sp_reader {
    const uint8_t *base; /* byte 0 of the whole input: positions count from here */
    const uint8_t *at;   /* next byte */
    const uint8_t *end;
    const char *error; /* NULL, or what was wrong first (a constant string) */
    size_t error_at;   /* and at which byte */
};

/* A reader of data[0..size), which has to outlive it. */
void sp_reader_init(struct sp_reader *reader, const uint8_t *data, size_t size);

/* Records an error at byte `position`, unless there is one already; from now on the reader is at its end. */
void sp_reader_fail(struct sp_reader *reader, size_t position, const char *error);

/* The position of the next byte. */
static inline size_t sp_reader_position(const struct sp_reader *reader)
{
    return (size_t)(reader->at - reader->base);
}

/* How many bytes are left. */
static inline size_t sp_reader_left(const struct sp_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

/* sp_reader_varint for numbers of more than three bytes, and at the end of the data. */
uint64_t sp_reader_long_varint(struct sp_reader *reader);

/* A base-128 number of up to ten bytes, least significant group first; 0 on error. */
static inline uint64_t sp_reader_varint(struct sp_reader *reader)
{
    const uint8_t *at = reader->at;
    if (at < reader->end && at[0] < 0x80) {
        reader->at = at + 1;
        return at[0];
    }
    if (reader->end - at >= 3 && at[1] < 0x80) {
        reader->at = at + 2;
        return (at[0] & 0x7fU) | (uint64_t)at[1] << 7;
    }
    if (reader->end - at >= 3 && at[2] < 0x80) {
        reader->at = at + 3;
        return (at[0] & 0x7fU) | (at[1] & 0x7fU) << 7 | (uint64_t)at[2] << 14;
    }
    return sp_reader_long_varint(reader);
}

/* A little-endian number of `n` bytes (1 to 8); 0 on error. */
uint64_t sp_reader_fixed(struct sp_reader *reader, size_t n);

/* A reader of the next `n` bytes, which are skipped here; positions stay those of the whole input. Empty on error. */
static inline struct sp_reader sp_reader_sub(struct sp_reader *reader, uint64_t n)
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

/* Takes over the first error of a reader that was made by sp_reader_sub. */
static inline void sp_reader_adopt(struct sp_reader *reader, const struct sp_reader *sub)
{
    if (sub->error)
        sp_reader_fail(reader, sub->error_at, sub->error);
}

/* The wire types that profile.proto can contain: the low bits of a field's key. */
enum { SP_WIRE_BITS = 3 };
enum sp_wire {
    SP_WIRE_VARINT = 0,
    SP_WIRE_FIXED64 = 1,
    SP_WIRE_BYTES = 2,
    SP_WIRE_FIXED32 = 5,
};

/* One field of a message. */
struct sp_field {
    uint64_t number;
    enum sp_wire wire;
    size_t position;        /* of its first byte */
    uint64_t value;         /* of the types that are numbers */
    struct sp_reader bytes; /* of SP_WIRE_BYTES */
};

/* Reads the next field: true, or false at the end of the message and after an error. */
static inline bool sp_reader_field(struct sp_reader *reader, struct sp_field *field)
{
    if (reader->at == reader->end)
        return false;
    field->position = sp_reader_position(reader);
    uint64_t key = sp_reader_varint(reader);
    field->number = key >> SP_WIRE_BITS;
    field->wire = (enum sp_wire)(key & ((1U << SP_WIRE_BITS) - 1));
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

/* The field's value, which has to be a varint; otherwise the reader fails and 0 is returned. */
static inline uint64_t sp_reader_number(struct sp_reader *reader, const struct sp_field *field)
{
    if (field->wire == SP_WIRE_VARINT)
        return field->value;
    sp_reader_fail(reader, field->position, "a number field has another wire type");
    return 0;
}

/* The field's bytes, which have to be of the length-delimited type; otherwise the reader fails and they are empty. */
static inline struct sp_reader sp_reader_message(struct sp_reader *reader, const struct sp_field *field)
{
    if (field->wire == SP_WIRE_BYTES)
        return field->bytes;
    sp_reader_fail(reader, field->position, "a message or string field has another wire type");
    struct sp_reader empty = *reader;
    empty.end = empty.at;
    return empty;
}

#endif
