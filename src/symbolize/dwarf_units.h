/*
 * The units of a file's DWARF: where they are, and which of them has the code at an address.
 *
 * Place on the way of a sample: dwarf_source.c makes it once for a module and sorts the addresses by unit with it;
 * dwarf_names.c looks up which unit an entry is in.
 * .debug_aranges is not read: many compilers leave it out, and the units say it themselves.
 * Context: ordinary code; read-only after it is built.
 */
#ifndef SIGPROF_SYMBOLIZE_DWARF_UNITS_H
#define SIGPROF_SYMBOLIZE_DWARF_UNITS_H

#include "symbolize/dwarf_ranges.h"

/* Link-time addresses of one unit. */
struct sp_dwarf_unit_range {
    uint64_t start, end;
    uint64_t end_max; /* the largest end up to here: where looking back may stop */
    uint32_t unit;
};

/* Invariant: offsets ascend; ranges ascend by start, and each is in a segment of the program. */
struct sp_dwarf_units {
    uint64_t *offsets; /* in .debug_info, of all units that could be read */
    size_t n, offsets_capacity;
    struct sp_dwarf_unit_range *ranges;
    size_t n_ranges, ranges_capacity;
    bool has_split; /* some have their entries elsewhere */
};

#define SP_DWARF_NO_UNIT UINT32_MAX

/*
 * Reads the heads of all units in the file of `view`. `image` is the file that was mapped; NULL: nobody will ask for
 * addresses. Returns 0, -ENOENT when there is no unit with code, -ENOMEM. Freed by sp_dwarf_units_done, also after a
 * failure.
 */
int sp_dwarf_units_init(struct sp_dwarf_units *units, struct sp_dwarf_view *view, const struct sp_elf_image *image,
                        struct sp_dwarf_reading *reading);
void sp_dwarf_units_done(struct sp_dwarf_units *units);

/* The unit at a link-time address, or SP_DWARF_NO_UNIT. */
uint32_t sp_dwarf_units_find(const struct sp_dwarf_units *units, uint64_t vaddr);

/* The offset of the last unit that begins at or before an offset in .debug_info: false when there is none. */
bool sp_dwarf_units_around(const struct sp_dwarf_units *units, uint64_t offset, uint64_t *unit);

#endif
