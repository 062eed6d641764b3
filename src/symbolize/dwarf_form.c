/*
 * Values of attributes, form by form (DWARF 5, 7.5.5 and 7.5.6). See dwarf_form.h for the place and the contract.
 *
 * Context: ordinary code; no state.
 */
#include "symbolize/dwarf_form.h"

#include <dwarf.h>
#include <string.h>

/* Before version 3, a reference to another unit was as wide as an address. */
static unsigned ref_addr_size(const struct sp_dwarf_encoding *encoding)
{
    return encoding->version <= 2 ? encoding->address_size : encoding->offset_size;
}

unsigned sp_dwarf_form_length(uint64_t form, const struct sp_dwarf_encoding *encoding)
{
    switch (form) {
    case DW_FORM_flag_present:
    case DW_FORM_implicit_const:
        return 0;
    case DW_FORM_data1:
    case DW_FORM_flag:
    case DW_FORM_ref1:
    case DW_FORM_strx1:
    case DW_FORM_addrx1:
        return 1;
    case DW_FORM_data2:
    case DW_FORM_ref2:
    case DW_FORM_strx2:
    case DW_FORM_addrx2:
        return 2;
    case DW_FORM_strx3:
    case DW_FORM_addrx3:
        return 3;
    case DW_FORM_data4:
    case DW_FORM_ref4:
    case DW_FORM_ref_sup4:
    case DW_FORM_strx4:
    case DW_FORM_addrx4:
        return 4;
    case DW_FORM_data8:
    case DW_FORM_ref8:
    case DW_FORM_ref_sup8:
    case DW_FORM_ref_sig8:
        return 8;
    case DW_FORM_data16:
        return 16;
    case DW_FORM_addr:
        return encoding->address_size;
    case DW_FORM_ref_addr:
        return ref_addr_size(encoding);
    case DW_FORM_strp:
    case DW_FORM_sec_offset:
    case DW_FORM_line_strp:
    case DW_FORM_strp_sup:
    case DW_FORM_GNU_ref_alt:
    case DW_FORM_GNU_strp_alt:
        return encoding->offset_size;
    case DW_FORM_sdata:
    case DW_FORM_udata:
    case DW_FORM_ref_udata:
    case DW_FORM_strx:
    case DW_FORM_addrx:
    case DW_FORM_loclistx:
    case DW_FORM_rnglistx:
    case DW_FORM_GNU_addr_index:
    case DW_FORM_GNU_str_index:
        return SP_DWARF_ULEB;
    case DW_FORM_string:
        return SP_DWARF_ZERO_ENDED;
    case DW_FORM_block1:
        return SP_DWARF_COUNTED_1;
    case DW_FORM_block2:
        return SP_DWARF_COUNTED_2;
    case DW_FORM_block4:
        return SP_DWARF_COUNTED_4;
    case DW_FORM_block:
    case DW_FORM_exprloc:
        return SP_DWARF_COUNTED_ULEB;
    case DW_FORM_indirect:
        return SP_DWARF_INDIRECT;
    default:
        return SP_DWARF_UNKNOWN;
    }
}

int64_t sp_dwarf_sleb(struct sp_reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; reader->at < reader->end && shift < 70; shift += 7) {
        const uint8_t byte = *reader->at++;
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80)
            continue;
        if ((byte & 0x40) && shift + 7 < 64)
            value |= UINT64_MAX << (shift + 7);
        return (int64_t)value;
    }
    sp_reader_fail(reader, sp_reader_position(reader), "a number does not end");
    return 0;
}

/* Passes by `n` bytes, which are returned. */
static const uint8_t *take(struct sp_reader *reader, uint64_t n)
{
    const uint8_t *bytes = reader->at;
    if (n > sp_reader_left(reader)) {
        sp_reader_fail(reader, sp_reader_position(reader), "the data end inside a value");
        return NULL;
    }
    reader->at += n;
    return bytes;
}

/* The length of a text, which is passed by with its end. */
static uint64_t take_text(struct sp_reader *reader)
{
    const uint8_t *start = reader->at;
    const uint8_t *end = sp_reader_left(reader) > 0 ? memchr(start, '\0', sp_reader_left(reader)) : NULL;
    if (!end) {
        sp_reader_fail(reader, sp_reader_position(reader), "the data end inside a text");
        return 0;
    }
    reader->at = end + 1;
    return (uint64_t)(end - start);
}

/* The count in front of a block. */
static uint64_t read_count(struct sp_reader *reader, unsigned length)
{
    switch (length) {
    case SP_DWARF_COUNTED_1:
        return sp_reader_fixed(reader, 1);
    case SP_DWARF_COUNTED_2:
        return sp_reader_fixed(reader, 2);
    case SP_DWARF_COUNTED_4:
        return sp_reader_fixed(reader, 4);
    default:
        return sp_reader_varint(reader);
    }
}

/* The form of an indirect value. It must not be indirect again, nor one that has its value elsewhere. */
static uint64_t read_form(struct sp_reader *reader)
{
    const uint64_t form = sp_reader_varint(reader);
    return form == DW_FORM_indirect || form == DW_FORM_implicit_const ? 0 : form;
}

void sp_dwarf_skip(struct sp_reader *reader, unsigned length, const struct sp_dwarf_encoding *encoding)
{
    if (length == SP_DWARF_INDIRECT)
        length = sp_dwarf_form_length(read_form(reader), encoding);
    if (length <= SP_DWARF_FIXED_MAX)
        take(reader, length);
    else if (length == SP_DWARF_ULEB)
        sp_reader_varint(reader);
    else if (length == SP_DWARF_ZERO_ENDED)
        take_text(reader);
    else if (length < SP_DWARF_INDIRECT)
        take(reader, read_count(reader, length));
    else
        sp_reader_fail(reader, sp_reader_position(reader), "a form is unknown");
}

static enum sp_dwarf_kind kind_of(uint64_t form)
{
    switch (form) {
    case DW_FORM_addr:
        return SP_DWARF_ADDRESS;
    case DW_FORM_addrx:
    case DW_FORM_addrx1:
    case DW_FORM_addrx2:
    case DW_FORM_addrx3:
    case DW_FORM_addrx4:
    case DW_FORM_GNU_addr_index:
        return SP_DWARF_ADDRESS_INDEX;
    case DW_FORM_data1:
    case DW_FORM_data2:
    case DW_FORM_data4:
    case DW_FORM_data8:
    case DW_FORM_sdata:
    case DW_FORM_udata:
    case DW_FORM_implicit_const:
    case DW_FORM_flag:
    case DW_FORM_flag_present:
        return SP_DWARF_CONSTANT;
    case DW_FORM_sec_offset:
        return SP_DWARF_OFFSET;
    case DW_FORM_loclistx:
    case DW_FORM_rnglistx:
        return SP_DWARF_LIST_INDEX;
    case DW_FORM_string:
        return SP_DWARF_TEXT;
    case DW_FORM_strp:
        return SP_DWARF_STR_AT;
    case DW_FORM_line_strp:
        return SP_DWARF_LINE_STR_AT;
    case DW_FORM_strx:
    case DW_FORM_strx1:
    case DW_FORM_strx2:
    case DW_FORM_strx3:
    case DW_FORM_strx4:
    case DW_FORM_GNU_str_index:
        return SP_DWARF_STR_INDEX;
    case DW_FORM_strp_sup:
    case DW_FORM_GNU_strp_alt:
        return SP_DWARF_STR_ALTERNATE;
    case DW_FORM_ref1:
    case DW_FORM_ref2:
    case DW_FORM_ref4:
    case DW_FORM_ref8:
    case DW_FORM_ref_udata:
        return SP_DWARF_UNIT_ENTRY;
    case DW_FORM_ref_addr:
        return SP_DWARF_FILE_ENTRY;
    case DW_FORM_ref_sup4:
    case DW_FORM_ref_sup8:
    case DW_FORM_GNU_ref_alt:
        return SP_DWARF_ALTERNATE_ENTRY;
    case DW_FORM_ref_sig8:
        return SP_DWARF_SIGNATURE;
    default:
        return SP_DWARF_BLOCK;
    }
}

/* Reads what has its length with it. */
static struct sp_dwarf_value read_variable(struct sp_reader *reader, unsigned length, enum sp_dwarf_kind kind)
{
    struct sp_dwarf_value value = {.kind = kind};
    if (length == SP_DWARF_ZERO_ENDED) {
        value.bytes = reader->at;
        value.number = take_text(reader);
    } else {
        value.number = read_count(reader, length);
        value.bytes = take(reader, value.number);
    }
    return value;
}

struct sp_dwarf_value sp_dwarf_value_read(struct sp_reader *reader, uint64_t form, int64_t implicit,
                                          const struct sp_dwarf_encoding *encoding)
{
    if (form == DW_FORM_indirect)
        form = read_form(reader);
    const unsigned length = sp_dwarf_form_length(form, encoding);
    struct sp_dwarf_value value = {.kind = kind_of(form)};
    if (form == DW_FORM_implicit_const)
        value.number = (uint64_t)implicit;
    else if (form == DW_FORM_flag_present)
        value.number = 1;
    else if (form == DW_FORM_sdata)
        value.number = (uint64_t)sp_dwarf_sleb(reader);
    else if (length <= sizeof(value.number))
        value.number = sp_reader_fixed(reader, length);
    else if (length == SP_DWARF_ULEB)
        value.number = sp_reader_varint(reader);
    else if (length == SP_DWARF_FIXED_MAX)
        value = (struct sp_dwarf_value){.kind = SP_DWARF_BLOCK, .number = length, .bytes = take(reader, length)};
    else if (length < SP_DWARF_INDIRECT)
        value = read_variable(reader, length, value.kind);
    else
        sp_reader_fail(reader, sp_reader_position(reader), "a form is unknown");
    return reader->error ? (struct sp_dwarf_value){.kind = SP_DWARF_NOTHING} : value;
}
