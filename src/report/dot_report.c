/*
 * The report `dot`: the call graph in the language of graphviz, as `pprof -dot` writes it.
 *
 * Boxes are sized by what a function took itself and coloured by what it took with its callees; lines are as thick as
 * what went that way; dotted lines lead over functions that are not shown.
 *
 * Place on the way of a sample: profile → graph → *this* → graphviz.
 * Context: ordinary code of one thread.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "profile/measure.h"
#include "report/dot_tags.h"
#include "report/dot_write.h"
#include "report/graph_visual.h"
#include "report/names.h"

enum {
    LEAST_FONT = 8,
    FONT_GROWTH = 16,
};

struct dot {
    const struct sp_graph *graph;
    const struct sp_report *report;
    struct sp_node_tags *tags;
    FILE *out;
    size_t *ids;    /* of nodes: position + 1, 0 where not shown */
    bool *has_tags; /* nodes */
    double max_flat;
};

static void write_value(const struct dot *dot, int64_t value)
{
    sp_report_print_value(dot->report, value, 0, dot->out);
}

static void write_percent(const struct dot *dot, int64_t value)
{
    char text[SP_PERCENT_TEXT_BYTES];
    sp_percent_text(value, dot->report->total, text);
    fprintf(dot->out, "(%s)", text + strspn(text, " "));
}

static void write_title(const struct sp_profile *profile, FILE *out)
{
    size_t length;
    const char *base = sp_base_name(sp_mapping_file(profile, 0), &length);
    for (size_t i = 0; i < length; i++)
        fprintf(out, base[i] == '"' ? "\\%c" : "%c", base[i]);
}

/* The box with the lines with which other reports begin. */
static int write_legend(const struct dot *dot)
{
    char *labels = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&labels, &size);
    if (!memory)
        return -ENOMEM;
    sp_graph_print_labels(dot->graph, true, memory);
    bool has_failed = ferror(memory) != 0;
    if (fclose(memory) != 0 || has_failed) {
        free(labels);
        return -ENOMEM;
    }
    size_t first = strcspn(labels, "\n");
    labels[first] = '\0';
    fputs("subgraph cluster_L { \"", dot->out);
    sp_dot_text(labels, dot->out);
    fputs("\" [shape=box fontsize=16 label=\"", dot->out);
    labels[first] = '\n';
    sp_dot_text(labels, dot->out);
    fputc('"', dot->out);
    if (sp_mapping_file(dot->report->profile, 0)[0] != '\0') {
        fputs(" tooltip=\"", dot->out);
        write_title(dot->report->profile, dot->out);
        fputc('"', dot->out);
    }
    fputs("] }\n", dot->out);
    free(labels);
    return 0;
}

static int font_size(const struct dot *dot, int64_t flat)
{
    double size = (double)sp_magnitude(flat);
    if (flat == 0 || dot->max_flat == 0 || size > dot->max_flat)
        return LEAST_FONT;
    return LEAST_FONT + (int)sp_truncated(ceil(FONT_GROWTH * sqrt(size / dot->max_flat)));
}

/* "1.50s (30.00%)\nof 3s (60.00%)" */
static void write_box_values(const struct dot *dot, int64_t flat, int64_t cum)
{
    if (flat != 0) {
        write_value(dot, flat);
        fputc(' ', dot->out);
        write_percent(dot, flat);
    } else {
        fputc('0', dot->out);
    }
    if (cum == flat)
        return;
    fputs(flat != 0 ? "\\nof " : " of ", dot->out);
    write_value(dot, cum);
    fputc(' ', dot->out);
    write_percent(dot, cum);
}

static int write_node(const struct dot *dot, uint32_t i)
{
    const struct sp_node *node = &dot->graph->nodes[i];
    int64_t flat = sp_node_flat(node), cum = sp_node_cum(node);
    size_t id = dot->ids[i];
    fprintf(dot->out, "N%zu [label=\"", id);
    int error = sp_dot_box_name(node, dot->out);
    write_box_values(dot, flat, cum);
    fprintf(dot->out, "\" id=\"node%zu\" fontsize=%d shape=box tooltip=\"", id, font_size(dot, flat));
    if (!error)
        error = sp_dot_name(node, dot->out);
    fputs(" (", dot->out);
    write_value(dot, cum);
    fputs(")\" color=\"", dot->out);
    sp_dot_color(cum, dot->report->total, false, dot->out);
    fputs("\" fillcolor=\"", dot->out);
    sp_dot_color(cum, dot->report->total, true, dot->out);
    fputs("\"]\n", dot->out);
    return error ? error : sp_dot_tags(dot->graph, dot->tags, i, id, &dot->has_tags[i], dot->out);
}

/* How many `parts` of the total the value is, at most all. */
static int64_t parts_of_total(const struct dot *dot, int64_t value, int64_t parts)
{
    int64_t product = (int64_t)((uint64_t)value * (uint64_t)parts), total = dot->report->total;
    int64_t n = sp_magnitude(sp_report_mean(product, total));
    return n < parts ? n : parts;
}

static void write_edge_size(const struct dot *dot, int64_t value)
{
    if (dot->report->total == 0)
        return;
    int64_t weight = 1 + parts_of_total(dot, value, 100), width = 1 + parts_of_total(dot, value, 5);
    if (weight > 1)
        fprintf(dot->out, " weight=%lld", (long long)weight);
    if (width > 1)
        fprintf(dot->out, " penwidth=%lld", (long long)width);
    fputs(" color=\"", dot->out);
    sp_dot_color(value, dot->report->total, false, dot->out);
    fputc('"', dot->out);
}

static int write_edge_tooltip(const struct dot *dot, const char *key, const struct sp_edge *edge)
{
    fprintf(dot->out, " %s=\"", key);
    int error = sp_dot_name(&dot->graph->nodes[edge->caller], dot->out);
    fputs(edge->is_residual ? " ... " : " -> ", dot->out);
    if (!error)
        error = sp_dot_name(&dot->graph->nodes[edge->callee], dot->out);
    fputs(" (", dot->out);
    write_value(dot, sp_edge_value(edge));
    fputs(")\"", dot->out);
    return error;
}

static int write_edge(const struct dot *dot, const struct sp_edge *edge)
{
    fprintf(dot->out, "N%zu -> N%zu [label=\" ", dot->ids[edge->caller], dot->ids[edge->callee]);
    write_value(dot, sp_edge_value(edge));
    fputs(edge->is_inlined ? "\\n (inline)\"" : "\"", dot->out);
    write_edge_size(dot, sp_edge_value(edge));
    int error = write_edge_tooltip(dot, "tooltip", edge);
    if (!error)
        error = write_edge_tooltip(dot, "labeltooltip", edge);
    if (edge->is_residual)
        fputs(" style=\"dotted\"", dot->out);
    if (dot->has_tags[edge->caller])
        fputs(" minlen=2", dot->out);
    fputs("]\n", dot->out);
    return error;
}

static int write_graph(struct dot *dot)
{
    const struct sp_graph *graph = dot->graph;
    int error = 0;
    for (size_t i = 0; i < graph->n_shown; i++) {
        double flat = (double)sp_magnitude(sp_node_flat(&graph->nodes[graph->order[i]]));
        dot->ids[graph->order[i]] = i + 1;
        dot->max_flat = i == 0 || flat > dot->max_flat ? flat : dot->max_flat;
    }
    for (size_t i = 0; !error && i < graph->n_shown; i++)
        error = write_node(dot, graph->order[i]);
    for (size_t i = 0; !error && i < graph->n_edges; i++) {
        if (graph->nodes[graph->edges[i].caller].is_shown)
            error = write_edge(dot, &graph->edges[i]);
    }
    return error;
}

static int write_all(struct sp_graph *graph, struct sp_node_tags *tags, FILE *out)
{
    struct dot dot = {.graph = graph, .report = graph->report, .tags = tags, .out = out};
    dot.ids = calloc(graph->n_nodes + 1, sizeof(*dot.ids));
    dot.has_tags = calloc(graph->n_nodes + 1, sizeof(*dot.has_tags));
    int error = dot.ids && dot.has_tags ? 0 : -ENOMEM;
    if (!error) {
        fputs("digraph \"", out);
        if (sp_mapping_file(graph->report->profile, 0)[0] != '\0')
            write_title(graph->report->profile, out);
        else
            fputs("unnamed", out);
        fputs("\" {\nnode [style=filled fillcolor=\"#f8f8f8\"]\n", out);
        error = write_legend(&dot);
    }
    if (!error)
        error = write_graph(&dot);
    if (!error)
        fputs("}\n", out);
    free(dot.ids);
    free(dot.has_tags);
    return error;
}

static int print(struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    struct sp_graph graph;
    struct sp_node_tags tags;
    int error = sp_graph_init_visual(&graph, &tags, report);
    if (!error) {
        sp_graph_choose_unit(&graph);
        error = write_all(&graph, &tags, out);
    }
    sp_node_tags_done(&tags);
    sp_graph_done(&graph);
    return error;
}

const struct sp_report_kind sp_report_dot = {.name = "dot", .print = print};
