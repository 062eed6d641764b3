/*
 * Reads unwind tables, never beyond their bounds.
 *
 * Place: handler, below cfi. Context: signal handler; a reader belongs to one call. The first read that would leave the
 * bounds makes the reader fail for good: it then gives zeros and is at its end. Who uses it asks once, when done.
 */
#ifndef SIGPROF_HANDLER_TABLE_READER_H
#define SIGPROF_HANDLER_TABLE_READER_H

#include <stdbool.h>
#include <stdint.h>

/* DWARF pointer encodings (LSB 5.0, 10.5.1): low half the format, bits 4 to 6 what it is relative to. */
enum {
    SP_PE_ABSPTR = 0x00,
    SP_PE_ULEB128 = 0x01,
    SP_PE_UDATA2 = 0x02,
    SP_PE_UDATA4 = 0x03,
    SP_PE_UDATA8 = 0x04,
    SP_PE_SLEB128 = 0x09,
    SP_PE_SDATA2 = 0x0a,
    SP_PE_SDATA4 = 0x0b,
    SP_PE_SDATA8 = 0x0c,
    SP_PE_PCREL = 0x10,
    SP_PE_DATAREL = 0x30,
    SP_PE_OMIT = 0xff,
    SP_PE_FORMAT = 0x0f,
    SP_PE_RELATIVE = 0x70,
    SP_PE_INDIRECT = 0x80,
};

struct sp_table_reader {
    uintptr_t at, end;
    bool has_failed;
};

static inline void sp_table_fail(struct sp_table_reader *reader)
{
    reader->has_failed = true;
    reader->at = reader->end;
}

static inline void sp_table_skip(struct sp_table_reader *reader, uint64_t bytes)
{
    if (bytes > reader->end - reader->at)
        sp_table_fail(reader);
    else
        reader->at += (uintptr_t)bytes;
}

static inline uint8_t sp_table_u8(struct sp_table_reader *reader)
{
    if (reader->at >= reader->end) {
        sp_table_fail(reader);
        return 0;
    }
    return *(const volatile uint8_t *)reader->at++;
}

#define SP_TABLE_READ(name, type)                                      \
    static inline type name(struct sp_table_reader *reader)            \
    {                                                                  \
        typedef type unaligned __attribute__((aligned(1), may_alias)); \
        if (reader->end - reader->at < sizeof(type)) {                 \
            sp_table_fail(reader);                                     \
            return 0;                                                  \
        }                                                              \
        const type value = *(const volatile unaligned *)reader->at;    \
        reader->at += sizeof(type);                                    \
        return value;                                                  \
    }
SP_TABLE_READ(sp_table_u16, uint16_t)
SP_TABLE_READ(sp_table_u32, uint32_t)
SP_TABLE_READ(sp_table_u64, uint64_t)
#undef SP_TABLE_READ

/* Ten bytes hold 64 bits, and linkers pad; more are nonsense, which could go on for the whole of a large file. */
enum { SP_LEB_BYTES_LIMIT = 16 };

/* The bits of a LEB128, those beyond 64 dropped; how many there were, and its last byte. */
static inline uint64_t sp_table_leb(struct sp_table_reader *reader, unsigned *bits, uint8_t *last)
{
    uint64_t value = 0;
    *bits = 0;
    do {
        *last = sp_table_u8(reader);
        if (*bits < 64)
            value |= (uint64_t)(*last & 0x7f) << *bits;
        *bits += 7;
    } while ((*last & 0x80) != 0 && *bits < 7 * SP_LEB_BYTES_LIMIT);
    if ((*last & 0x80) != 0)
        sp_table_fail(reader);
    return value;
}

static inline uint64_t sp_table_uleb(struct sp_table_reader *reader)
{
    unsigned bits;
    uint8_t last;
    return sp_table_leb(reader, &bits, &last);
}

static inline int64_t sp_table_sleb(struct sp_table_reader *reader)
{
    unsigned bits;
    uint8_t last;
    const uint64_t value = sp_table_leb(reader, &bits, &last);
    const bool is_negative = bits < 64 && (last & 0x40) != 0;
    return (int64_t)(is_negative ? value | ~(uint64_t)0 << bits : value);
}

/*
 * A pointer in the given encoding; `data_base` is what DATAREL is relative to. Indirect ones are not followed, their
 * address is returned: no table entry that matters here has one.
 */
static inline uintptr_t sp_table_pointer(struct sp_table_reader *reader, uint8_t encoding, uintptr_t data_base)
{
    const uintptr_t place = reader->at;
    uint64_t value;
    switch (encoding & SP_PE_FORMAT) {
    case SP_PE_ABSPTR:
    case SP_PE_UDATA8:
    case SP_PE_SDATA8:
        value = sp_table_u64(reader);
        break;
    case SP_PE_UDATA4:
        value = sp_table_u32(reader);
        break;
    case SP_PE_SDATA4:
        value = (uint64_t)(int64_t)(int32_t)sp_table_u32(reader);
        break;
    case SP_PE_UDATA2:
        value = sp_table_u16(reader);
        break;
    case SP_PE_SDATA2:
        value = (uint64_t)(int64_t)(int16_t)sp_table_u16(reader);
        break;
    case SP_PE_ULEB128:
        value = sp_table_uleb(reader);
        break;
    case SP_PE_SLEB128:
        value = (uint64_t)sp_table_sleb(reader);
        break;
    default:
        sp_table_fail(reader);
        return 0;
    }
    switch (encoding & SP_PE_RELATIVE) {
    case 0:
        return (uintptr_t)value;
    case SP_PE_PCREL:
        return place + (uintptr_t)value;
    case SP_PE_DATAREL:
        return data_base + (uintptr_t)value;
    default:
        sp_table_fail(reader);
        return 0;
    }
}

#endif
