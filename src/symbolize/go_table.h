/*
 * Go's own table of functions and lines, which its runtime needs and no strip takes away: .gopclntab.
 *
 * Place on the way of a sample: under go_source, which finds its bytes in a file. It knows nothing of files.
 *
 *   header ─▶ functions by entry ─▶ function ─▶ names
 *                                     ├──▶ pcs: a program that gives the line for each pc of the function
 *                                     ├──▶ pcs: one that gives the number of the file ─▶ units ─▶ files
 *                                     └──▶ pcs: one that gives the inlined call ─▶ trees ─▶ the pc of its caller
 *
 * Two layouts are known: of Go 1.18 and of Go 1.20 and later. The bytes are foreign: each offset is checked where it is
 * used, and a program that makes no sense gives no line. Context: ordinary code; a table may be read by many threads.
 */
#ifndef SIGPROF_SYMBOLIZE_GO_TABLE_H
#define SIGPROF_SYMBOLIZE_GO_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbolize/symbol_source.h"

/* Where the header ends. */
enum { SP_GO_HEADER_BYTES = 72 };

struct sp_go_table {
    const uint8_t *bytes; /* the caller's; they have to outlive the table */
    size_t size;
    uint32_t quantum; /* all lengths of code are multiples of it */
    bool has_start_lines;
    uint64_t text;        /* address that the functions' entries count from; of the header, 0: it does not tell */
    uint64_t n_functions; /* and one entry behind them, where the last ends */
    uint64_t names, units, files, pcs, functions; /* offsets */
    /* Trees of inlined calls, which are elsewhere in the file; the caller's, NULL: they are not known. */
    const uint8_t *trees;
    size_t trees_size;
};

/* Whether a header stands there, and `size` bytes hold what it tells of. 0, -ENOENT: none, -EBADMSG: damaged. */
int sp_go_table_init(struct sp_go_table *table, const void *bytes, size_t size);

/* The offset of a header in bytes that hold more than a table, or SIZE_MAX. */
size_t sp_go_table_search(const void *bytes, size_t size);

/*
 * The functions at `address`, where the table covers it: inlined ones first, `max` ≥ 1 frames at most. Returns how
 * many. Where a function is inlined, and trees are not known, only the one that it is in is told, without the line. The
 * texts are in the table's bytes.
 */
uint32_t sp_go_table_find(const struct sp_go_table *table, uint64_t address, struct sp_named_frame *frames,
                          uint32_t max);

#endif
