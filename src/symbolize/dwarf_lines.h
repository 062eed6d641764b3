/*
 * Files and lines of given addresses, by the line table of one unit.
 *
 * Place on the way of a sample: dwarf_source.c has the addresses of a unit, ascending, and asks once for all of them.
 * The program of the table is executed once; a row is not kept, but held against the addresses that it covers. Names of
 * directories and files are read on demand: a table may list thousands, and a few are wanted.
 *
 * Context: ordinary code; one table by one thread at a time.
 */
#ifndef SIGPROF_SYMBOLIZE_DWARF_LINES_H
#define SIGPROF_SYMBOLIZE_DWARF_LINES_H

#include "symbolize/dwarf_file.h"

/* Where an address is in its source. All zero: no row covers it. */
struct sp_dwarf_place {
    uint64_t vaddr;        /* given: link-time */
    uint64_t sequence;     /* where the rows begin that the one here stands among */
    uint64_t file;         /* number in the table, for sp_dwarf_lines_path */
    uint32_t line, column; /* 0: unknown */
    bool is_known;
};

/* What of a table comes from its unit. */
struct sp_dwarf_line_unit {
    const struct sp_dwarf_file *file; /* its .debug_line, .debug_line_str and .debug_str */
    uint64_t offset;                  /* DW_AT_stmt_list */
    const char *directory;            /* DW_AT_comp_dir, or NULL */
    uint64_t *budget; /* bytes of tables that may still be read, or NULL: hostile units may share one that is huge */
};

struct sp_dwarf_lines;

/* A table's room: used for one after the other. NULL without memory; freed by sp_dwarf_lines_free, NULL is fine. */
struct sp_dwarf_lines *sp_dwarf_lines_new(void);
void sp_dwarf_lines_free(struct sp_dwarf_lines *lines);

/*
 * Opens the table of `unit`, whose texts have to live as long as it is in use. Returns 0, or -EBADMSG: there is no
 * table there, its head makes no sense, its bytes cannot be had, or there are too many. A table of an earlier call is
 * gone.
 */
int sp_dwarf_lines_open(struct sp_dwarf_lines *lines, const struct sp_dwarf_line_unit *unit);

/*
 * Fills in places[0..n), which ascend by vaddr, from the rows of the table. Of several rows for one address the last of
 * its sequence is taken; of several sequences the one that begins last: rows of code that a linker threw away begin at
 * the end of the address space and cover nothing, or near 0 and cover only what no others do. What is damaged ends the
 * table there.
 */
void sp_dwarf_lines_find(struct sp_dwarf_lines *lines, struct sp_dwarf_place *places, size_t n);

/*
 * The path of file `file` of the table (those that its program defines: after sp_dwarf_lines_find), absolute where the
 * table or the unit say of what, without "." and "..": written to `out`, which has PATH_MAX bytes. Returns out, or
 * NULL: there is none, or it is too long.
 */
const char *sp_dwarf_lines_path(struct sp_dwarf_lines *lines, uint64_t file, char *out);

#endif
