/*
 * The lines with which a report of a graph begins, the columns of its rows, and the unit of their values. See graph.h.
 * Context: ordinary code of one thread.
 */
#include <string.h>

#include "profile/measure.h"
#include "report/graph.h"

enum {
    FILTER_BYTES = 80, /* of a filter's text that are shown */
    VALUE_WIDTH = 10,
};

/* The smallest magnitude of a shown value that is not 0; the total when there is none. */
static int64_t smallest_value(const struct sp_graph *graph)
{
    int64_t smallest = 0;
    for (size_t i = 0; i < graph->n_shown; i++) {
        const struct sp_node *node = &graph->nodes[graph->order[i]];
        int64_t value = sp_magnitude(sp_node_flat(node));
        if (value == 0)
            value = sp_magnitude(sp_node_cum(node));
        if (value > 0 && (smallest == 0 || value < smallest))
            smallest = value;
    }
    return smallest ? smallest : graph->report->total;
}

/* 100 * value modulo 2^64. */
static int64_t hundredfold(int64_t value)
{
    return (int64_t)((uint64_t)value * 100);
}

/* The unit of the smallest value, or a larger one that still leaves it two decimals. */
void sp_graph_choose_unit(struct sp_graph *graph)
{
    struct sp_report *report = graph->report;
    if (strcmp(report->options.unit, SP_UNIT_MINIMUM) != 0 || graph->n_shown == 0)
        return;
    int64_t smallest = sp_report_divided(report, smallest_value(graph));
    int64_t largest = sp_report_divided(report, report->total);
    const char *unit = sp_scale(smallest, report->unit, SP_UNIT_AUTO).unit;
    if (strcmp(unit, sp_scale(largest, report->unit, SP_UNIT_AUTO).unit) != 0 && hundredfold(smallest) < largest)
        unit = sp_scale(hundredfold(smallest), report->unit, SP_UNIT_AUTO).unit;
    report->shown_unit = unit[0] ? unit : report->unit;
}

void sp_report_print_filters(const char *const *filters, size_t n, FILE *out)
{
    if (n > 0)
        fputs("Active filters:\n", out);
    for (size_t i = 0; i < n; i++) {
        bool is_cut = strlen(filters[i]) > FILTER_BYTES;
        fprintf(out, "   %.*s%s\n", FILTER_BYTES, filters[i], is_cut ? "…" : "");
    }
}

static void print_shown(const struct sp_graph *graph, FILE *out)
{
    const struct sp_report *report = graph->report;
    int64_t shown = 0;
    for (size_t i = 0; i < graph->n_shown; i++)
        shown = sp_wrapping_sum(shown, sp_node_flat(&graph->nodes[graph->order[i]]));
    char percent[SP_PERCENT_TEXT_BYTES];
    sp_percent_text(shown, report->total, percent);
    fputs("Showing nodes accounting for ", out);
    sp_report_print_value(report, shown, 0, out);
    fprintf(out, ", %s of ", percent + strspn(percent, " "));
    sp_report_print_value(report, report->total, 0, out);
    fputs(" total\n", out);
}

static void print_dropped(const struct sp_report *report, size_t n, const char *what, const char *measure,
                          double fraction, FILE *out)
{
    if (n == 0)
        return;
    fprintf(out, "Dropped %zu %s%s (%s <= ", n, what, n > 1 ? "s" : "", measure);
    sp_report_print_value(report, sp_report_share(report->total, fraction), 0, out);
    fputs(")\n", out);
}

void sp_graph_print_labels(const struct sp_graph *graph, bool has_full_headers, FILE *out)
{
    const struct sp_report *report = graph->report;
    const struct sp_report_options *options = &report->options;
    if (has_full_headers || !options->has_compact_labels)
        sp_report_print_profile_labels(report, out);
    sp_report_print_filters(options->active_filters, options->n_active_filters, out);
    print_shown(graph, out);
    if (report->total != 0) {
        print_dropped(report, graph->n_dropped_nodes, "node", "cum", options->node_fraction, out);
        if (has_full_headers)
            print_dropped(report, graph->n_dropped_edges, "edge", "freq", options->edge_fraction, out);
        if (graph->n_shown > 0 && graph->n_shown < graph->n_before_limit)
            fprintf(out, "Showing top %zu nodes out of %zu\n", graph->n_shown, graph->n_before_limit);
    }
    if (has_full_headers)
        fputs("\nSee https://git.io/JfYMW for how to read the graph\n", out);
}

void sp_node_print_values(const struct sp_report *report, const struct sp_node *node, int64_t flat_so_far, FILE *out)
{
    sp_report_print_value(report, sp_node_flat(node), VALUE_WIDTH, out);
    fputc(' ', out);
    sp_report_print_percent(sp_node_flat(node), report->total, out);
    fputc(' ', out);
    sp_report_print_percent(flat_so_far, report->total, out);
    fputc(' ', out);
    sp_report_print_value(report, sp_node_cum(node), VALUE_WIDTH, out);
    fputc(' ', out);
    sp_report_print_percent(sp_node_cum(node), report->total, out);
}
