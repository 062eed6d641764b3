/*
 * The steps of making a graph, one file each.
 * Place on the way of a sample: inside src/report, under graph.c. Context: ordinary code of one thread.
 */
#ifndef SIGPROF_REPORT_GRAPH_BUILD_H
#define SIGPROF_REPORT_GRAPH_BUILD_H

#include "report/graph.h"

/* Makes all nodes with their values, and shows those that have one: 0 or -ENOMEM. */
int sp_graph_make_nodes(struct sp_graph *graph, struct sp_report *report);

/*
 * Begins the graph: every frame of the profile is resolved to a node without values. Of `report` it asks the profile
 * and what to cut off paths. 0 or -ENOMEM.
 */
int sp_graph_resolve_frames(struct sp_graph *graph, struct sp_report *report);

/* Sums up the samples' values at the nodes: 0 or -ENOMEM. */
int sp_graph_add_values(struct sp_graph *graph);

/* Makes the edges between nodes that frames lead to, in place of those there were: 0 or -ENOMEM. */
int sp_graph_add_edges(struct sp_graph *graph);
/* Drops edges into shown nodes below `cutoff`. They are counted. */
void sp_graph_drop_small_edges(struct sp_graph *graph, int64_t cutoff);
/* Sorts the edges, fills `in` and `out`, and notes at nodes how they were reached: 0 or -ENOMEM. */
int sp_graph_link_edges(struct sp_graph *graph);
/* Notes at nodes what edges that are not below `cutoff` would say of how they were reached: 0 or -ENOMEM. */
int sp_graph_mark_inlines(struct sp_graph *graph, int64_t cutoff);

/* The sum of the shown nodes' flat values, of which fractions are taken. */
int64_t sp_graph_flat_sum(const struct sp_graph *graph);
/* Shows no nodes below `cutoff`, if that is above 0; they are counted. */
void sp_graph_drop_small_nodes(struct sp_graph *graph, int64_t cutoff);
/* Shows the first nodes of the order only. */
void sp_graph_limit_nodes(struct sp_graph *graph, size_t most);
/* Lets frames lead to shown nodes only. */
void sp_graph_forget_others(struct sp_graph *graph);

#endif
