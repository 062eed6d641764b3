/*
 * The call graph of a report: nodes (functions, files, lines or addresses, by what selection left of them) with their
 * flat and cumulative values, and edges from callers to callees.
 *
 * Place on the way of a sample: profile → select → *graph* → a report's text.
 *
 * Representation: a frame is one line of a location, or the location itself where it has no lines. Every frame of the
 * profile is resolved to its node once; then the samples are walked, from root to leaf, with nothing but array reads.
 *
 *   location ──▶ frames[first_frame[location] .. first_frame[location + 1]) ──▶ nodes
 *
 * A node's value is flat where it is the leaf of a stack, and cumulative where it is anywhere on it, once a stack. An
 * edge counts once a stack, too.
 *
 * Context: ordinary code of one thread.
 */
#ifndef SIGPROF_REPORT_GRAPH_H
#define SIGPROF_REPORT_GRAPH_H

#include "report/report.h"

struct sp_node {
    const char *name;        /* of the function, or "" */
    const char *system_name; /* as in the symbol table, or "" */
    const char *file;        /* of the function, trimmed, or "" */
    const char *object;      /* the mapping's file, where there is no name; otherwise "" */
    uint64_t address;
    int64_t start_line, line, column;
    int64_t flat, flat_divisor, cum, cum_divisor;
    uint32_t function;          /* the node of the whole function: this one, or one without address and line */
    uint32_t first_in, n_in;    /* in graph.in: edges from callers */
    uint32_t first_out, n_out;  /* in graph.out: edges to callees */
    bool is_shown;              /* in graph.order */
    bool is_inlined, is_called; /* how it got onto the stacks: as inlined code, by calls, or both */
};

struct sp_edge {
    uint32_t caller, callee; /* nodes */
    int64_t value, divisor;
    bool is_residual; /* leads over nodes that are not kept */
    bool is_inlined;  /* never a call */
};

struct sp_graph {
    struct sp_report *report;
    struct sp_node *nodes;
    size_t n_nodes, nodes_capacity;
    struct sp_edge *edges; /* empty for graphs without edges; heaviest first */
    size_t n_edges, edges_capacity;
    uint32_t *in, *out; /* edges by callee and by caller, heaviest first; NULL for graphs without edges */
    uint32_t *order;    /* the shown nodes, sorted; n_shown of them */
    size_t n_shown, n_before_limit, n_dropped_nodes, n_dropped_edges;
    uint32_t *frames;    /* nodes, innermost first; SP_NONE: trimmed */
    size_t *first_frame; /* [locations.n + 1] */
    bool has_inlines;
    struct sp_index *index; /* of nodes, by what they are */
    struct sp_arena *texts; /* names and files that were shortened */
};

/*
 * The whole graph of `report`, nothing trimmed, with or without edges: 0 or -ENOMEM. `order` is by name. To be freed by
 * sp_graph_done in any case. Nodes without any value are not shown, and those that drop_negative drops are not either.
 */
int sp_graph_init(struct sp_graph *graph, struct sp_report *report, bool has_edges);
/*
 * The graph trimmed and sorted as the options say (node_count, node_fraction, edge_fraction, by_cum). Same returns.
 * Shown nodes know how they got onto the stacks (is_inlined, is_called), also without edges.
 */
int sp_graph_init_trimmed(struct sp_graph *graph, struct sp_report *report, bool has_edges);
void sp_graph_done(struct sp_graph *graph);

/* Values with their means taken. */
static inline int64_t sp_node_flat(const struct sp_node *node)
{
    return sp_report_mean(node->flat, node->flat_divisor);
}
static inline int64_t sp_node_cum(const struct sp_node *node)
{
    return sp_report_mean(node->cum, node->cum_divisor);
}
static inline int64_t sp_edge_value(const struct sp_edge *edge)
{
    return sp_report_mean(edge->value, edge->divisor);
}

/* Writes the name that a report shows: "main.f file.c:12", "[libc.so.6]" or "<unknown>". */
void sp_node_print_name(const struct sp_node *node, FILE *out);
/* The same as a text, to be freed; NULL when there is no memory. */
char *sp_node_name_text(const struct sp_node *node);
/* Compares by that name, without making it: <0, 0, >0. */
int sp_node_compare_shown(const struct sp_node *a, const struct sp_node *b);
/* By what it does not show. */
int sp_node_compare_hidden(const struct sp_node *a, const struct sp_node *b);
/* By both, in this order. */
int sp_node_compare_names(const struct sp_node *a, const struct sp_node *b);

/* Prints the columns flat, flat%, sum% (of `flat_so_far`, which the node's flat is in), cum and cum%. */
void sp_node_print_values(const struct sp_report *report, const struct sp_node *node, int64_t flat_so_far, FILE *out);

/* Chooses report->shown_unit for the shown nodes, where options.unit is "minimum". */
void sp_graph_choose_unit(struct sp_graph *graph);
/* Prints the lines with which a report of the graph begins: the profile's labels, filters, what is shown and dropped.
 */
void sp_graph_print_labels(const struct sp_graph *graph, bool has_full_headers, FILE *out);

#endif
