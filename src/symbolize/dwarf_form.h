/*
 * Values of attributes: how each form of DWARF 2 to 5, and of GNU's additions to them, lies in an entry.
 *
 * Place on the way of a sample: under everything that reads entries. What a value refers to (a text, an address of a
 * table, another entry) is looked up by dwarf_unit.h, as it takes other sections.
 *
 * Context: ordinary code; no state.
 */
#ifndef SIGPROF_SYMBOLIZE_DWARF_FORM_H
#define SIGPROF_SYMBOLIZE_DWARF_FORM_H

#include "util/reader.h"

/* How a unit writes numbers. */
struct sp_dwarf_encoding {
    uint16_t version;
    uint8_t address_size; /* 4 or 8 */
    uint8_t offset_size;  /* 4 or 8: 32-bit or 64-bit DWARF */
};

/* What the number of a value is. */
enum sp_dwarf_kind {
    SP_DWARF_NOTHING, /* the attribute is not there, or of a form that means nothing here */
    SP_DWARF_ADDRESS,
    SP_DWARF_ADDRESS_INDEX, /* in .debug_addr */
    SP_DWARF_CONSTANT,      /* a signed one in two's complement */
    SP_DWARF_OFFSET,        /* in the section that the attribute is about */
    SP_DWARF_LIST_INDEX,    /* in the offsets of .debug_rnglists (or .debug_loclists) */
    SP_DWARF_BLOCK,         /* its size, at `bytes` */
    SP_DWARF_TEXT,          /* its length, at `bytes` */
    SP_DWARF_STR_AT,        /* offset in .debug_str */
    SP_DWARF_LINE_STR_AT,   /* offset in .debug_line_str */
    SP_DWARF_STR_INDEX,     /* in .debug_str_offsets */
    SP_DWARF_STR_ALTERNATE, /* offset in .debug_str of the alternate file */
    SP_DWARF_UNIT_ENTRY,    /* offset of an entry from the unit's beginning */
    SP_DWARF_FILE_ENTRY,    /* in .debug_info */
    SP_DWARF_ALTERNATE_ENTRY,
    SP_DWARF_SIGNATURE, /* of a type's unit */
};

struct sp_dwarf_value {
    enum sp_dwarf_kind kind;
    uint64_t number;
    const uint8_t *bytes; /* in what was read */
};

/* What a form takes: this many bytes, or a length by one of these ways. */
enum sp_dwarf_length {
    SP_DWARF_FIXED_MAX = 16,
    SP_DWARF_ULEB = 64, /* one number, base 128 */
    SP_DWARF_ZERO_ENDED,
    SP_DWARF_COUNTED_1, /* so many bytes as a number of one byte in front says */
    SP_DWARF_COUNTED_2,
    SP_DWARF_COUNTED_4,
    SP_DWARF_COUNTED_ULEB,
    SP_DWARF_INDIRECT, /* a form, and a value of that */
    SP_DWARF_UNKNOWN,  /* no such form: what is behind it cannot be found */
};

unsigned sp_dwarf_form_length(uint64_t form, const struct sp_dwarf_encoding *encoding);

/* A signed number, base 128; 0 on error. */
int64_t sp_dwarf_sleb(struct sp_reader *reader);

/* Passes by what sp_dwarf_form_length says. */
void sp_dwarf_skip(struct sp_reader *reader, unsigned length, const struct sp_dwarf_encoding *encoding);

/* The next value; of kind SP_DWARF_NOTHING on error. `implicit` is the one that the abbreviation itself has. */
struct sp_dwarf_value sp_dwarf_value_read(struct sp_reader *reader, uint64_t form, int64_t implicit,
                                          const struct sp_dwarf_encoding *encoding);

#endif
