/*
 * The labels of the samples at each node of a graph, with their values: what a drawn graph hangs below its nodes.
 *
 * Place on the way of a sample: profile → graph → *tags* → the drawing.
 *
 * Representation: a tag is all texts of a sample together ("key:text\nkey:text", with the two characters \ and n), or a
 * number of bytes below them. Each is a record of its node, found by hash.
 *
 * Context: ordinary code of one thread.
 */
#ifndef SIGPROF_REPORT_NODE_TAGS_H
#define SIGPROF_REPORT_NODE_TAGS_H

#include "report/graph.h"

struct sp_tag {
    const char *texts; /* all of the sample's; "" */
    const char *name;  /* of the number, as shown; NULL: the tag is of the texts alone */
    const char *unit;
    int64_t number;
    int64_t flat, flat_divisor, cum, cum_divisor;
    uint32_t node;
};

struct sp_node_tags {
    struct sp_tag *at; /* sorted by node */
    size_t n, capacity;
    size_t *first; /* of each node: [n_nodes + 1] */
    struct sp_arena *texts;
};

/* Collects the tags of all nodes; none below `cutoff`. 0 or -ENOMEM. To be freed by sp_node_tags_done in any case. */
int sp_node_tags_init(struct sp_node_tags *tags, const struct sp_graph *graph, int64_t cutoff);
void sp_node_tags_done(struct sp_node_tags *tags);

/* How many tags the node has with a flat value. */
size_t sp_node_tags_count_flat(const struct sp_node_tags *tags, uint32_t node);

/* Sorts them by value (flat, or else cumulative first), then by name. */
void sp_tags_sort(struct sp_tag *tags, size_t n, bool by_flat);

static inline int64_t sp_tag_flat(const struct sp_tag *tag)
{
    return sp_report_mean(tag->flat, tag->flat_divisor);
}
static inline int64_t sp_tag_cum(const struct sp_tag *tag)
{
    return sp_report_mean(tag->cum, tag->cum_divisor);
}

#endif
