/*
 * The ranges of addresses that an entry says it has its code at.
 *
 * Place on the way of a sample: dwarf_units.c asks for those of units, dwarf_functions.c for those of functions and
 * inlined calls.
 *
 *   low_pc, high_pc                    one range
 *   ranges ──▶ .debug_ranges           pairs of numbers, before version 5
 *          └─▶ .debug_rnglists         entries of several kinds
 *
 * Many entries may name one list. What is read of lists is counted, so that a hostile file ends.
 * Context: ordinary code of one thread at a time.
 */
#ifndef SIGPROF_SYMBOLIZE_DWARF_RANGES_H
#define SIGPROF_SYMBOLIZE_DWARF_RANGES_H

#include "symbolize/dwarf_unit.h"

/* Where the code of an entry is, by its attributes. */
struct sp_dwarf_extent {
    struct sp_dwarf_value low_pc, high_pc, ranges;
};

struct sp_dwarf_range {
    uint64_t start, end;
};

/* Ranges that are being read. */
struct sp_dwarf_ranges {
    const struct sp_dwarf_unit *unit;
    uint64_t *work;
    struct sp_dwarf_view *view; /* of a list; NULL: there is none, or it has come to its end */
    enum sp_dwarf_section_id section;
    uint64_t offset; /* of its next entry */
    uint64_t base;   /* what offsets in it count from */
    struct sp_dwarf_range single;
    bool has_single;
};

/* Begins with the ranges of an entry of `unit`. Each that is read takes one from `*work`. */
void sp_dwarf_ranges_init(struct sp_dwarf_ranges *ranges, const struct sp_dwarf_unit *unit,
                          const struct sp_dwarf_extent *extent, uint64_t *work);

/*
 * The next range; false at the end of them, at damage, and when there is no more work to be done. It may be empty, or
 * lie outside of the program: of code that a linker threw away.
 */
bool sp_dwarf_ranges_next(struct sp_dwarf_ranges *ranges, struct sp_dwarf_range *range);

#endif
