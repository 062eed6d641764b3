/*
 * The nodes of a report: functions (or files, where functions are not known) with their flat and cumulative values.
 *
 * Place on the way of a sample: profile → *nodes* → a report's text.
 *
 * Representation: a frame is one line of a location, or the location itself where it has no lines. Every frame of the
 * profile is resolved to its node once; then the samples are walked, from root to leaf, with nothing but array reads.
 *
 *   location ──▶ frames[first_frame[location] .. first_frame[location + 1]) ──▶ nodes
 *
 * A node's value is flat where it is the leaf of a stack, and cumulative where it is anywhere on it, once a stack.
 *
 * Context: ordinary code of one thread.
 */
#ifndef SIGPROF_REPORT_NODES_H
#define SIGPROF_REPORT_NODES_H

#include <stdbool.h>

#include "profile/profile.h"

struct sp_node {
    const char *name;   /* of the function, or "" */
    const char *file;   /* of the mapping, where there is no name; otherwise "" */
    int64_t start_line; /* of a function without a name */
    int64_t flat, cum;
    size_t last_sample;         /* counts once a stack; position + 1 */
    bool has_inline_frame;      /* some location has it inlined into a caller */
    bool is_kept;               /* shown by the report; callers set it, for sp_nodes_find_inlines */
    bool is_inlined, is_called; /* by sp_nodes_find_inlines: how it got onto the stacks */
};

struct sp_nodes {
    const struct sp_profile *profile;
    struct sp_node *at;
    size_t n, capacity;
    uint32_t *frames;    /* nodes, innermost first */
    size_t *first_frame; /* [locations.n + 1] */
    struct sp_index *index;
    struct sp_arena *names; /* those that were shortened */
    int64_t total;          /* of the magnitudes of all samples (or only of the base's, in a difference) */
    bool has_inlines;
};

/*
 * Makes the nodes of `profile` (which must pass sp_profile_check, and outlive them) for the sample type at
 * `value_index`: 0 or -ENOMEM. To be freed by sp_nodes_done in either case.
 */
int sp_nodes_init(struct sp_nodes *nodes, const struct sp_profile *profile, size_t value_index);
void sp_nodes_done(struct sp_nodes *nodes);

/*
 * Finds how the kept nodes were reached: as inlined code, by calls, or both. A step from caller to callee counts when
 * its values in all stacks together are at least `cutoff`. Where `is_trimmed`, steps lead over the nodes not kept; a
 * step between the same two nodes is looked at once a stack. 0 or -ENOMEM.
 */
int sp_nodes_find_inlines(struct sp_nodes *nodes, size_t value_index, bool is_trimmed, int64_t cutoff);

/* The name that a report shows: the function, "[file]" or "<unknown>". Three parts, to be printed in a row. */
struct sp_node_name {
    const char *open, *text, *close;
    size_t length; /* of text */
};
struct sp_node_name sp_node_name(const struct sp_node *node);

/* Compares what reports show of two nodes, and then what they do not: <0, 0, >0. */
int sp_node_compare_shown(const struct sp_node *a, const struct sp_node *b);
int sp_node_compare_hidden(const struct sp_node *a, const struct sp_node *b);

#endif
