/*
 * The directories and files of a line table.
 *
 * Place on the way of a sample: dwarf_lines.c asks it for the path of a file's number. Nothing is read before the first
 * question. Then the lists are walked once, and the place of every sixteenth entry is kept, so that the memory is a
 * fraction of the lists' own:
 *
 *   marks   ┌────────────────────────┐┌─────────
 *   list    │e0│e1│e2│ … │e14│e15│e16│e17│ …
 *
 * All versions are read in one way: up to 4, an entry has the fields that version 5 would describe as a string and,
 * for a file, three numbers.
 *
 * Context: ordinary code; one thread at a time.
 */
#ifndef SIGPROF_SYMBOLIZE_DWARF_LINE_NAMES_H
#define SIGPROF_SYMBOLIZE_DWARF_LINE_NAMES_H

#include "symbolize/dwarf_line_table.h"
#include "symbolize/dwarf_lines.h"

#define SP_DWARF_LINE_FIELDS_MAX UINT8_MAX

/* Of an entry: what it is, and how it is written. */
struct sp_dwarf_line_field {
    uint64_t content, form;
};

struct sp_dwarf_line_list {
    struct sp_dwarf_line_field fields[SP_DWARF_LINE_FIELDS_MAX];
    size_t n_fields;
    uint64_t n;      /* entries */
    uint32_t *marks; /* where in the table each sixteenth of them is */
    size_t marks_capacity;
};

/* All zero at first; freed by sp_dwarf_line_names_done. */
struct sp_dwarf_line_names {
    struct sp_dwarf_line_list directories, files;
    bool are_read;
    uint32_t *defined; /* where in the table the entries are that its program adds to the files */
    size_t n_defined, defined_capacity;
    struct sp_dwarf_window directory_window, file_window;
};

/* Forgets a table and its names. */
void sp_dwarf_line_names_reset(struct sp_dwarf_line_names *names);
void sp_dwarf_line_names_done(struct sp_dwarf_line_names *names);

/* Adds the file that the program of `table` describes at `offset` of its bytes; there is no room: not. */
void sp_dwarf_line_names_define(struct sp_dwarf_line_names *names, const struct sp_dwarf_line_table *table,
                                size_t offset);

/* As sp_dwarf_lines_path. `table` is the one of `unit`, and the same until the next reset. */
const char *sp_dwarf_line_names_path(struct sp_dwarf_line_names *names, const struct sp_dwarf_line_table *table,
                                     const struct sp_dwarf_line_unit *unit, uint64_t file, char *out);

#endif
