/*
 * What the entries of functions and inlined calls say of themselves: name, first line, and where the call was.
 *
 * Place on the way of a sample: dwarf_source.c has the entries that dwarf_functions.c found at an address, and asks for
 * each.
 *
 * An inlined call says little of its own; the function that it is a call of says the rest, perhaps in turn by what it
 * was declared as, in another unit, or in a file that several programs share:
 *
 *   inlined call ──abstract origin──▶ function ──specification──▶ declaration in a class
 *
 * A function is inlined in many places: what was found of one is remembered until the next unit.
 * Context: ordinary code of one thread at a time.
 */
#ifndef SIGPROF_SYMBOLIZE_DWARF_NAMES_H
#define SIGPROF_SYMBOLIZE_DWARF_NAMES_H

#include "symbolize/dwarf_entries.h"
#include "symbolize/dwarf_map.h"
#include "symbolize/dwarf_units.h"
#include "util/arena.h"

/* Units of elsewhere that are kept open. */
#define SP_DWARF_FOREIGN_UNITS 16

struct sp_dwarf_name {
    const char *system_name; /* as the linker sees it, or NULL */
    const char *name;        /* as people wrote it, or NULL: unknown, or there is a system name */
    uint32_t start_line;     /* 0: unknown */
};

struct sp_dwarf_call {
    bool has_file;
    uint64_t file; /* number in the line table */
    uint32_t line, column;
};

/* A file whose entries may be referred to from another unit. */
struct sp_dwarf_library {
    struct sp_dwarf_view *view; /* NULL: there is no such file */
    const struct sp_dwarf_units *units;
};

/* All zero at first, but what the asker puts in; freed by sp_dwarf_names_done. */
struct sp_dwarf_names {
    struct sp_dwarf_library program, alternate; /* the asker's */
    struct sp_dwarf_reading *reading;           /* the asker's */
    const struct sp_dwarf_unit *unit;           /* at hand */
    const uint8_t *bytes;                       /* all of it */
    struct sp_arena *texts;
    uint64_t texts_left;       /* bytes that may still be kept: real units refer to a text once, or a few times */
    struct sp_dwarf_map known; /* entries ──▶ names */
    struct sp_dwarf_name *names;
    size_t n_names, names_capacity;
    struct sp_dwarf_unit foreign[SP_DWARF_FOREIGN_UNITS];
};

/*
 * Begins with a unit, whose bytes stay where they are while it is at hand. What was found before is gone, with its
 * texts. Returns 0 or -ENOMEM.
 */
int sp_dwarf_names_begin(struct sp_dwarf_names *names, const struct sp_dwarf_unit *unit, const uint8_t *bytes);
void sp_dwarf_names_done(struct sp_dwarf_names *names);

/* The text that a value is, or NULL; also those of the alternate file. Valid until the next is asked for. */
const char *sp_dwarf_names_text(struct sp_dwarf_names *names, const struct sp_dwarf_unit *unit,
                                const struct sp_dwarf_value *value);

/* Keeps a text until the next unit begins; NULL: there is no more room for texts. */
const char *sp_dwarf_names_keep(struct sp_dwarf_names *names, const char *text, size_t length);

/* What the entry at `offset` of .debug_info, in the unit at hand, says; what it does not say is zero. */
void sp_dwarf_names_read(struct sp_dwarf_names *names, uint64_t offset, struct sp_dwarf_name *name,
                         struct sp_dwarf_call *call);

#endif
