/*
 * Which unit of a file's DWARF has the code at an address.
 *
 * Place on the way of a sample: dwarf_source.c makes it once for a module and sorts the addresses by unit with it.
 * .debug_aranges is not read: many compilers leave it out, and the units say it themselves.
 * Context: ordinary code; read-only after it is built.
 */
#ifndef SIGPROF_SYMBOLIZE_DWARF_UNITS_H
#define SIGPROF_SYMBOLIZE_DWARF_UNITS_H

#include "symbolize/elf_image.h"

#include <elfutils/libdw.h>

struct sp_dwarf_unit {
    Dwarf_Off die; /* of its first entry, in .debug_info */
    uint64_t size; /* bytes of .debug_info up to the next unit's; 0 for the last */
};

/* Link-time addresses of one unit. */
struct sp_dwarf_unit_range {
    uint64_t start, end;
    uint64_t end_max; /* the largest end up to here: where looking back may stop */
    uint32_t unit;
};

/* Invariant: ranges ascend by start; each is in a segment of the file. */
struct sp_dwarf_units {
    struct sp_dwarf_unit *at;
    size_t n, capacity;
    struct sp_dwarf_unit_range *ranges;
    size_t n_ranges, ranges_capacity;
};

#define SP_DWARF_NO_UNIT UINT32_MAX

/*
 * Reads the heads of all units. `image` is the file that was mapped. `*budget` is how many ranges may be read from
 * here on; each is counted, so that many entries with one long list do not take for ever.
 * Returns 0, -ENOENT when there is no unit with code, -ENOMEM. Freed by sp_dwarf_units_done, also after a failure.
 */
int sp_dwarf_units_init(struct sp_dwarf_units *units, Dwarf *dwarf, const struct sp_elf_image *image, uint64_t *budget);
void sp_dwarf_units_done(struct sp_dwarf_units *units);

/* The unit at a link-time address, or SP_DWARF_NO_UNIT. */
uint32_t sp_dwarf_units_find(const struct sp_dwarf_units *units, uint64_t vaddr);

#endif
