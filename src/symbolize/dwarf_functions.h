/*
 * The functions of one unit of DWARF that stand at given addresses, with the calls inlined into them.
 *
 * Place on the way of a sample: dwarf_source.c has the addresses of a unit, and asks once for all of them. One walk
 * over the unit's entries serves every address; what holds none of them is passed by.
 *
 * Representation: each address has a chain of nodes, innermost first; a node is one entry at that address.
 *
 *   wants[i].top ──▶ node (inlined c) ──▶ node (inlined b) ──▶ node (function a) ──▶ SP_DWARF_NO_NODE
 *                       └──▶ scope of c, shared by all addresses in it
 *
 * Invariant: along a chain the levels descend, from below SP_FRAMES_MAX to the 0 of the function.
 * Context: ordinary code of one thread at a time.
 */
#ifndef SIGPROF_SYMBOLIZE_DWARF_FUNCTIONS_H
#define SIGPROF_SYMBOLIZE_DWARF_FUNCTIONS_H

#include "symbolize/dwarf_entries.h"

#define SP_DWARF_NO_NODE UINT32_MAX

/* An address to be named. */
struct sp_dwarf_want {
    uint64_t vaddr; /* link-time */
    size_t index;   /* the asker's */
    uint32_t unit;
    uint32_t top; /* written: the innermost node */
};

struct sp_dwarf_node {
    uint32_t scope, next;
    uint32_t level; /* functions have 0 */
    uint32_t owner; /* the function's scope */
};

struct sp_dwarf_functions {
    uint64_t *scopes; /* offsets in .debug_info of functions and inlined calls */
    size_t n_scopes, scopes_capacity;
    struct sp_dwarf_node *nodes;
    size_t n_nodes, nodes_capacity;
};

/*
 * Fills `wants[0..n).top`; wants ascend by vaddr. `entries` are all of the unit, just begun; `image` is the file that
 * was mapped; `*work` as for sp_dwarf_ranges_init. Damage ends the walk. Returns 0 or -ENOMEM.
 * Room that `functions` has from an earlier unit is used again; it starts as zeros and is freed by
 * sp_dwarf_functions_done.
 */
int sp_dwarf_functions_read(struct sp_dwarf_functions *functions, const struct sp_dwarf_entries *entries,
                            const struct sp_elf_image *image, struct sp_dwarf_want *wants, size_t n, uint64_t *work);
void sp_dwarf_functions_done(struct sp_dwarf_functions *functions);

#endif
