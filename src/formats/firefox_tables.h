/*
 * The tables of a thread, in memory: what firefox_tables.c fills and firefox_columns.c writes, column by column.
 *
 * Place on the way of a sample: under the writer of Firefox's format; firefox.h draws the tables. Context: ordinary
 * code.
 */
#ifndef SIGPROF_FORMATS_FIREFOX_TABLES_H
#define SIGPROF_FORMATS_FIREFOX_TABLES_H

#include "formats/firefox.h"

/* The number that a thing has in the table of `thread`. */
struct sp_firefox_number {
    uint32_t thread; /* + 1 */
    uint32_t number;
};

/* The things of one kind that the thread uses, in order. */
struct sp_firefox_table {
    struct sp_firefox_number *places; /* [of all things] */
    uint32_t *things;                 /* [n] */
    size_t n;
};

struct sp_firefox_node {
    uint32_t parent; /* SP_NONE: the root */
    uint32_t frame;  /* in the thread's table */
};

struct sp_firefox_tables {
    struct sp_firefox *firefox;
    uint32_t thread; /* + 1 */
    struct sp_firefox_table frames, functions, libraries;
    struct sp_firefox_node *nodes;
    size_t n_nodes, nodes_room;
    struct sp_index *index;
    uint32_t *path; /* nodes of the stack before, from the root on */
    size_t n_path, path_room;
    uint32_t *stacks; /* [samples of the profile at most] */
};

/* A sample's value, of the type that is written. */
static inline int64_t sp_firefox_value(const struct sp_firefox *firefox, size_t sample)
{
    return firefox->profile->values.at[sample * firefox->profile->sample_types.n + firefox->value_index];
}

/* Writes a thread whose tables are filled, as an object. */
void sp_firefox_put_thread(const struct sp_firefox_tables *tables, const struct sp_firefox_threads *threads,
                           const struct sp_firefox_thread *thread);

#endif
