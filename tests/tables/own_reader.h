/*
 * A reader of DWARF's numbers with a sticky error, for the tests' own look at unwind tables: apart from the handler's
 * reader, so that the two do not share a mistake.
 */
#ifndef SIGPROF_TESTS_OWN_READER_H
#define SIGPROF_TESTS_OWN_READER_H

#include <dwarf.h>
#include <stdbool.h>
#include <stdint.h>

struct own_reader {
    const uint8_t *at, *end;
    bool failed; /* read past the end, or what is read makes no sense; from then on all numbers are 0 */
};

/* A little-endian number of `bytes` bytes. */
static inline uint64_t own_read(struct own_reader *reader, unsigned bytes)
{
    uint64_t value = 0;
    if (reader->failed || (uint64_t)(reader->end - reader->at) < bytes) {
        reader->failed = true;
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)*reader->at++ << 8 * i;
    return value;
}

static inline int64_t own_read_signed(struct own_reader *reader, unsigned bytes)
{
    const unsigned unused = 64 - 8 * bytes;
    return (int64_t)(own_read(reader, bytes) << unused) >> unused;
}

static inline uint64_t own_read_leb(struct own_reader *reader, bool is_signed)
{
    uint64_t value = 0, byte;
    unsigned shift = 0;
    do {
        byte = own_read(reader, 1);
        if (shift < 64)
            value |= (byte & 0x7f) << shift;
        shift += 7;
    } while ((byte & 0x80) != 0);
    if (is_signed && shift < 64 && (byte & 0x40) != 0)
        value |= UINT64_MAX << shift;
    return value;
}

/* A pointer in a DW_EH_PE_* encoding; `data` is what datarel is relative to. Not followed where it is indirect. */
static inline uint64_t own_read_encoded(struct own_reader *reader, uint8_t encoding, uintptr_t data)
{
    const uintptr_t here = (uintptr_t)reader->at;
    uint64_t value = 0;
    switch (encoding & 0x0f) {
    case DW_EH_PE_absptr:
    case DW_EH_PE_udata8:
    case DW_EH_PE_sdata8:
        value = own_read(reader, 8);
        break;
    case DW_EH_PE_udata4:
    case DW_EH_PE_udata2:
        value = own_read(reader, (encoding & 0x0f) == DW_EH_PE_udata4 ? 4 : 2);
        break;
    case DW_EH_PE_sdata4:
    case DW_EH_PE_sdata2:
        value = (uint64_t)own_read_signed(reader, (encoding & 0x0f) == DW_EH_PE_sdata4 ? 4 : 2);
        break;
    case DW_EH_PE_uleb128:
    case DW_EH_PE_sleb128:
        value = own_read_leb(reader, (encoding & 0x0f) == DW_EH_PE_sleb128);
        break;
    default:
        reader->failed = true;
    }
    if ((encoding & 0x70) == DW_EH_PE_pcrel)
        value += here;
    else if ((encoding & 0x70) == DW_EH_PE_datarel)
        value += data;
    else if ((encoding & 0x70) != DW_EH_PE_absptr)
        reader->failed = true;
    return value;
}

#endif
