/*
 * The report `tree`: each function between its callers and its callees. See tree_report.h.
 *
 * Layout, numbers and order are those of `pprof -tree`.
 *
 * Context: ordinary code of one thread.
 */
#include "report/tree_report.h"

#include <errno.h>

#include "profile/measure.h"
#include "report/graph_json.h"
#include "report/report_json.h"

#define SEPARATOR "----------------------------------------------------------+-------------\n"
#define LEGEND "      flat  flat%   sum%        cum   cum%   calls calls% + context \t \t \n"

enum {
    EDGE_VALUE_WIDTH = 50,
};

/* An edge, seen from one of its nodes, whose cumulative value is `cum`. */
static void print_edge(const struct sp_graph *graph, const struct sp_edge *edge, uint32_t other, int64_t cum, FILE *out)
{
    sp_report_print_value(graph->report, edge->value, EDGE_VALUE_WIDTH, out);
    fputc(' ', out);
    sp_report_print_percent(edge->value, cum, out);
    fputs(" |   ", out);
    sp_node_print_name(&graph->nodes[other], out);
    fputs(edge->is_inlined ? " (inline)\n" : "\n", out);
}

static void print_node(const struct sp_report *report, const struct sp_node *node, int64_t flat_so_far, FILE *out)
{
    sp_node_print_values(report, node, flat_so_far, out);
    fputs("                | ", out);
    sp_node_print_name(node, out);
    fputc('\n', out);
}

static void print_group(const struct sp_graph *graph, const struct sp_node *node, int64_t flat_so_far, FILE *out)
{
    int64_t cum = sp_node_cum(node);
    fputs(SEPARATOR, out);
    for (uint32_t i = 0; i < node->n_in; i++) {
        const struct sp_edge *edge = &graph->edges[graph->in[node->first_in + i]];
        print_edge(graph, edge, edge->caller, cum, out);
    }
    print_node(graph->report, node, flat_so_far, out);
    for (uint32_t i = 0; i < node->n_out; i++) {
        const struct sp_edge *edge = &graph->edges[graph->out[node->first_out + i]];
        print_edge(graph, edge, edge->callee, cum, out);
    }
}

static int print_groups(const struct sp_graph *graph, sp_tree_filter *filter, FILE *out)
{
    int64_t flat_so_far = 0;
    bool is_empty = true;
    for (size_t i = 0; i < graph->n_shown; i++) {
        const struct sp_node *node = &graph->nodes[graph->order[i]];
        int wanted = filter ? filter(graph->report, node) : 1;
        if (wanted < 0)
            return wanted;
        if (wanted == 0)
            continue;
        flat_so_far = sp_wrapping_sum(flat_so_far, sp_node_flat(node));
        print_group(graph, node, flat_so_far, out);
        is_empty = false;
    }
    if (graph->n_shown > 0)
        fputs(SEPARATOR, out);
    return filter && is_empty ? -ENOENT : 0;
}

int sp_tree_print(struct sp_report *report, sp_tree_filter *filter, FILE *out)
{
    struct sp_graph graph;
    int error = sp_graph_init_trimmed(&graph, report, true);
    if (!error) {
        sp_graph_choose_unit(&graph);
        sp_graph_print_labels(&graph, false, out);
        fputs(SEPARATOR LEGEND, out);
        error = print_groups(&graph, filter, out);
    }
    sp_graph_done(&graph);
    return error;
}

static int put_rows(struct sp_json *json, const struct sp_graph *graph, sp_tree_filter *filter)
{
    int64_t flat_so_far = 0;
    bool is_empty = true;
    for (size_t i = 0; i < graph->n_shown; i++) {
        const struct sp_node *node = &graph->nodes[graph->order[i]];
        int wanted = filter ? filter(graph->report, node) : 1;
        if (wanted == 0)
            continue;
        flat_so_far = sp_wrapping_sum(flat_so_far, sp_node_flat(node));
        sp_json_line(json);
        sp_json_begin(json, '{');
        int error = wanted < 0 ? wanted : sp_graph_json_node(json, graph, node, flat_so_far);
        if (!error)
            error = sp_graph_json_neighbours(json, graph, node);
        sp_json_end(json, '}');
        if (error)
            return error;
        is_empty = false;
    }
    return filter && is_empty ? -ENOENT : 0;
}

int sp_tree_print_json(struct sp_report *report, const char *name, sp_tree_filter *filter, FILE *out)
{
    struct sp_graph graph;
    int error = sp_graph_init_trimmed(&graph, report, true);
    if (!error) {
        struct sp_json json;
        sp_report_json_begin(&json, report, name, out);
        sp_graph_json_summary(&json, &graph);
        sp_json_open(&json, "rows", '[');
        error = put_rows(&json, &graph, filter);
        sp_json_end(&json, ']');
        sp_report_json_end(&json);
    }
    sp_graph_done(&graph);
    return error;
}

static int print(struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    return sp_tree_print(report, NULL, out);
}

static int print_json(struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    return sp_tree_print_json(report, "tree", NULL, out);
}

const struct sp_report_kind sp_report_tree = {.name = "tree", .print = print, .print_json = print_json};
