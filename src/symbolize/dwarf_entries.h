/*
 * The entries of a unit, one after the other.
 *
 * Place on the way of a sample: under the walks of dwarf_units.c and dwarf_functions.c, which say what of the tree they
 * want. An entry is passed by in the steps of its abbreviation.
 *
 *   entry a (has children) │ entry b │ entry c │ 0 │ entry d      b and c are children of a; 0 ends them
 *
 * Context: ordinary code of one thread at a time.
 */
#ifndef SIGPROF_SYMBOLIZE_DWARF_ENTRIES_H
#define SIGPROF_SYMBOLIZE_DWARF_ENTRIES_H

#include "symbolize/dwarf_ranges.h"

/* A unit's entries, of which the next is at reader.at. Positions of the reader count from the unit's beginning. */
struct sp_dwarf_entries {
    const struct sp_dwarf_unit *unit;
    const struct sp_dwarf_abbrevs *abbrevs; /* valid until another table is asked for */
    struct sp_reader reader;
};

struct sp_dwarf_entry {
    uint64_t offset;                      /* in .debug_info */
    const struct sp_dwarf_abbrev *abbrev; /* NULL: the end of the children */
    uint64_t sibling;                     /* from the unit's beginning; 0: not said */
    struct sp_dwarf_extent extent;        /* of functions and inlined calls alone */
};

/*
 * Begins with the first of the children of the root; `window` is where the unit's bytes will be, all of them. Returns
 * 0, also when there are none; -EBADMSG; -ENOMEM.
 */
int sp_dwarf_entries_init(struct sp_dwarf_entries *entries, const struct sp_dwarf_unit *unit,
                          const struct sp_dwarf_root *root, struct sp_dwarf_reading *reading,
                          struct sp_dwarf_window *window);

/* The next entry, whatever its parent; false at the end of the unit and at damage. */
bool sp_dwarf_entries_next(struct sp_dwarf_entries *entries, struct sp_dwarf_entry *entry);

/* Passes by the children, of whatever depth, of the entry that was the last. */
void sp_dwarf_entries_skip_children(struct sp_dwarf_entries *entries, const struct sp_dwarf_entry *entry);

#endif
