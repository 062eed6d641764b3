/*
 * The tags that hang below a node of a drawn graph.
 * Place on the way of a sample: under the drawing of a graph. Context: ordinary code.
 */
#ifndef SIGPROF_REPORT_DOT_TAGS_H
#define SIGPROF_REPORT_DOT_TAGS_H

#include "report/graph.h"
#include "report/node_tags.h"

/* Writes the tags of a node, whose number in the drawing is `id`; `*has_any`: whether there were some. 0 or -ENOMEM. */
int sp_dot_tags(const struct sp_graph *graph, struct sp_node_tags *tags, uint32_t node, size_t id, bool *has_any,
                FILE *out);

#endif
