/*
 * The table of functions, each between its callers and its callees, that `tree` and `peek` print.
 * Place on the way of a sample: profile → graph → *this* → what the user reads. Context: ordinary code of one thread.
 */
#ifndef SIGPROF_REPORT_TREE_REPORT_H
#define SIGPROF_REPORT_TREE_REPORT_H

#include "report/graph.h"

/* Whether a node belongs into the table: 1, 0 or -errno. */
typedef int sp_tree_filter(const struct sp_report *report, const struct sp_node *node);

/* Prints the table of the nodes that `filter` (NULL: all) lets through: 0, -ENOENT (there are none) or -ENOMEM. */
int sp_tree_print(struct sp_report *report, sp_tree_filter *filter, FILE *out);
/* The same as JSON, under the report's name; see docs/report-json.md. */
int sp_tree_print_json(struct sp_report *report, const char *name, sp_tree_filter *filter, FILE *out);

#endif
