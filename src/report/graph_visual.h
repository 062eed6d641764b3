/*
 * The graph as it is drawn.
 * Place on the way of a sample: profile → *this* → the drawing. Context: ordinary code of one thread.
 */
#ifndef SIGPROF_REPORT_GRAPH_VISUAL_H
#define SIGPROF_REPORT_GRAPH_VISUAL_H

#include "report/graph.h"
#include "report/node_tags.h"

/*
 * The graph trimmed and sorted for the eye, and its nodes' tags: 0 or -ENOMEM. Both are to be freed in any case, by
 * sp_graph_done and sp_node_tags_done.
 */
int sp_graph_init_visual(struct sp_graph *graph, struct sp_node_tags *tags, struct sp_report *report);

#endif
