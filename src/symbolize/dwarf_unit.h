/*
 * A unit of .debug_info: its header, its first entry, and what its values refer to.
 *
 *   .debug_info   ┄┄┤ header │ first entry │ entries … ├┄┄
 *                   offset   entries                    end
 *
 * Place on the way of a sample: dwarf_units.c reads all of them for where their code is; dwarf_source.c the few that
 * have any of the addresses.
 *
 * A split unit has its entries in another file, while its addresses, and before version 5 its ranges, are in the
 * program's: so a unit has two views.
 *
 * Context: ordinary code of one thread at a time.
 */
#ifndef SIGPROF_SYMBOLIZE_DWARF_UNIT_H
#define SIGPROF_SYMBOLIZE_DWARF_UNIT_H

#include "symbolize/dwarf_abbrev.h"

/* Where tables of a unit begin, each in its section. */
struct sp_dwarf_bases {
    uint64_t text_offsets; /* .debug_str_offsets */
    uint64_t range_lists;  /* .debug_rnglists: the table of offsets */
    uint64_t addresses;    /* .debug_addr */
    uint64_t ranges;       /* .debug_ranges: what offsets of a split unit of GNU's kind count from */
    uint64_t code;         /* the address that ranges count from */
};

struct sp_dwarf_unit {
    struct sp_dwarf_view *view;         /* of the file with its entries */
    struct sp_dwarf_view *program_view; /* of the file with its addresses */
    struct sp_dwarf_encoding encoding;
    uint8_t type; /* DW_UT_* */
    uint64_t offset, entries, end;
    uint64_t abbrevs; /* offset in .debug_abbrev */
    uint64_t id;      /* that a split unit and its skeleton share, or a type's signature; 0: none in the header */
    struct sp_dwarf_bases bases;
};

/* The first entry of a unit. Texts of it are valid until the window that it was read from is used again. */
struct sp_dwarf_root {
    bool has_children;
    uint16_t tag;
    struct sp_dwarf_value low_pc, high_pc, ranges, lines, directory, split_name, split_id;
    uint64_t after; /* offset of what follows it */
};

/* What units are read with. */
struct sp_dwarf_reading {
    struct sp_dwarf_abbrev_cache *cache;
    uint64_t work; /* bytes and ranges that may still be read, of those that many may refer to */
    uint64_t size; /* of the file, in bytes: to judge by what honest ones have */
};

/*
 * Reads the header at `offset` of view's .debug_info. Returns 0; -EBADMSG: `unit->end` is 0 where the next unit cannot
 * be found either; `-ENOENT` beyond the last one.
 */
int sp_dwarf_unit_read(struct sp_dwarf_unit *unit, struct sp_dwarf_view *view, uint64_t offset);

/*
 * Reads the first entry and, from it, the bases. `table` is the unit's table of abbreviations, or a part of it that has
 * the code of the entry. Returns 0, -EBADMSG or -ENOMEM.
 */
int sp_dwarf_unit_root(struct sp_dwarf_unit *unit, const struct sp_dwarf_abbrevs *table, struct sp_dwarf_root *root);

/* The code of the abbreviation that the first entry has; 0: there is none. */
uint64_t sp_dwarf_unit_root_code(const struct sp_dwarf_unit *unit);

/* Makes a split unit, whose first entry is read, find addresses and ranges where its skeleton does. */
void sp_dwarf_unit_inherit(struct sp_dwarf_unit *split, const struct sp_dwarf_unit *skeleton);

/* The unit's table of abbreviations, as from sp_dwarf_abbrev_cache_get. */
const struct sp_dwarf_abbrevs *sp_dwarf_unit_abbrevs(const struct sp_dwarf_unit *unit, struct sp_dwarf_reading *reading,
                                                     int *error);

/* The address that a value is: false when it is none, or is not to be found. */
bool sp_dwarf_unit_address(const struct sp_dwarf_unit *unit, const struct sp_dwarf_value *value, uint64_t *address);

/* Number `index` of a table of numbers of `size` bytes that begins at `base` of a section. */
bool sp_dwarf_indexed(struct sp_dwarf_view *view, enum sp_dwarf_section_id id, uint64_t base, uint64_t index,
                      unsigned size, uint64_t *number);

/*
 * The text that a value is, or NULL; not those of the alternate file. Valid until the window of its section is used
 * again.
 */
const char *sp_dwarf_unit_text(const struct sp_dwarf_unit *unit, const struct sp_dwarf_value *value);

#endif
