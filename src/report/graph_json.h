/*
 * Nodes and edges in JSON, as docs/report-json.md describes them.
 * Place on the way of a sample: under the reports of a graph. Context: ordinary code.
 */
#ifndef SIGPROF_REPORT_GRAPH_JSON_H
#define SIGPROF_REPORT_GRAPH_JSON_H

#include "report/graph.h"
#include "util/json_out.h"

/* Writes the members of a report that say what of the graph is shown. */
void sp_graph_json_summary(struct sp_json *json, const struct sp_graph *graph);
/* Writes the members of a node; `flat_so_far` is the sum down to this one. 0 or -ENOMEM. */
int sp_graph_json_node(struct sp_json *json, const struct sp_graph *graph, const struct sp_node *node,
                       int64_t flat_so_far);
/* Writes a node's "callers" and "callees": 0 or -ENOMEM. */
int sp_graph_json_neighbours(struct sp_json *json, const struct sp_graph *graph, const struct sp_node *node);

#endif
