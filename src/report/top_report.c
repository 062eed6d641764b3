/*
 * The report `top`: functions, those that took most first.
 *
 * Layout, numbers, order and what is left out are those of google/pprof as in Go 1.26, so that the two can be read
 * side by side and compared by machines. (Go 1.19 writes the Time line differently.)
 *
 * Place on the way of a sample: profile → graph → *this* → what the user reads.
 * Context: ordinary code of one thread.
 */
#include "profile/measure.h"
#include "report/graph_json.h"
#include "report/report_json.h"

static const char *inline_mark(const struct sp_node *node)
{
    if (!node->is_inlined)
        return "";
    return node->is_called ? " (partial-inline)" : " (inline)";
}

static void print_row(const struct sp_report *report, const struct sp_node *node, int64_t flat_so_far, FILE *out)
{
    sp_node_print_values(report, node, flat_so_far, out);
    fputs("  ", out);
    sp_node_print_name(node, out);
    fprintf(out, "%s\n", inline_mark(node));
}

static void print_rows(const struct sp_graph *graph, FILE *out)
{
    int64_t flat_so_far = 0;
    fprintf(out, "%10s %5s%% %5s%% %10s %5s%%\n", "flat", "flat", "sum", "cum", "cum");
    for (size_t i = 0; i < graph->n_shown; i++) {
        const struct sp_node *node = &graph->nodes[graph->order[i]];
        flat_so_far = sp_wrapping_sum(flat_so_far, sp_node_flat(node));
        print_row(graph->report, node, flat_so_far, out);
    }
}

static int print(struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    struct sp_graph graph;
    int error = sp_graph_init_trimmed(&graph, report, false);
    if (!error) {
        sp_graph_choose_unit(&graph);
        sp_graph_print_labels(&graph, false, out);
        print_rows(&graph, out);
    }
    sp_graph_done(&graph);
    return error;
}

static int put_rows(struct sp_json *json, const struct sp_graph *graph)
{
    int64_t flat_so_far = 0;
    int error = 0;
    sp_json_open(json, "rows", '[');
    for (size_t i = 0; !error && i < graph->n_shown; i++) {
        const struct sp_node *node = &graph->nodes[graph->order[i]];
        flat_so_far = sp_wrapping_sum(flat_so_far, sp_node_flat(node));
        sp_json_line(json);
        sp_json_begin(json, '{');
        error = sp_graph_json_node(json, graph, node, flat_so_far);
        sp_json_end(json, '}');
    }
    sp_json_end(json, ']');
    return error;
}

static int print_json(struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    struct sp_graph graph;
    int error = sp_graph_init_trimmed(&graph, report, false);
    if (!error) {
        struct sp_json json;
        sp_report_json_begin(&json, report, "top", out);
        sp_graph_json_summary(&json, &graph);
        error = put_rows(&json, &graph);
        sp_report_json_end(&json);
    }
    sp_graph_done(&graph);
    return error;
}

const struct sp_report_kind sp_report_top = {.name = "top", .print = print, .print_json = print_json};
