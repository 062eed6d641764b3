/*
 * A report's graph: its values, which nodes are shown, and in what order. See graph.h.
 *
 * Trimming is pprof's, with one thing less to do: what is left out changes the edges alone, since a node's values are
 * of the samples that it is on. So values are summed up once, and edges made once it is known between what.
 *
 * Context: ordinary code of one thread.
 */
#include "report/graph.h"

#include <errno.h>
#include <stdlib.h>

#include "profile/index.h"
#include "profile/measure.h"
#include "report/graph_build.h"
#include "util/arena.h"

static bool is_negative(const struct sp_node *node)
{
    return node->flat < 0 || (node->flat == 0 && node->cum < 0);
}

/* Shows all nodes with a value, but for those that drop_negative drops. */
static int list_nodes(struct sp_graph *graph)
{
    graph->order = reallocarray(NULL, graph->n_nodes + 1, sizeof(*graph->order));
    if (!graph->order)
        return -ENOMEM;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        struct sp_node *node = &graph->nodes[i];
        if ((node->flat != 0 || node->cum != 0) && !(graph->report->options.drop_negative && is_negative(node))) {
            node->is_shown = true;
            graph->order[graph->n_shown++] = (uint32_t)i;
        }
    }
    graph->n_before_limit = graph->n_shown;
    return 0;
}

int sp_graph_make_nodes(struct sp_graph *graph, struct sp_report *report)
{
    int error = sp_graph_resolve_frames(graph, report);
    if (!error)
        error = sp_graph_add_values(graph);
    return error ? error : list_nodes(graph);
}

static int compare_magnitudes(int64_t a, int64_t b)
{
    int64_t left = sp_magnitude(a), right = sp_magnitude(b);
    return (left < right) - (left > right);
}

static int compare_by_name(const void *left, const void *right, void *nodes)
{
    const struct sp_node *a = (struct sp_node *)nodes + *(const uint32_t *)left;
    const struct sp_node *b = (struct sp_node *)nodes + *(const uint32_t *)right;
    return sp_node_compare_names(a, b);
}

static int compare_by_flat(const void *left, const void *right, void *nodes)
{
    const struct sp_node *a = (struct sp_node *)nodes + *(const uint32_t *)left;
    const struct sp_node *b = (struct sp_node *)nodes + *(const uint32_t *)right;
    int order = compare_magnitudes(a->flat, b->flat);
    if (order == 0)
        order = sp_node_compare_shown(a, b);
    if (order == 0)
        order = compare_magnitudes(a->cum, b->cum);
    return order ? order : sp_node_compare_hidden(a, b);
}

static int compare_by_cum(const void *left, const void *right, void *nodes)
{
    const struct sp_node *a = (struct sp_node *)nodes + *(const uint32_t *)left;
    const struct sp_node *b = (struct sp_node *)nodes + *(const uint32_t *)right;
    int order = compare_magnitudes(a->cum, b->cum);
    if (order == 0)
        order = sp_node_compare_shown(a, b);
    if (order == 0)
        order = compare_magnitudes(a->flat, b->flat);
    return order ? order : sp_node_compare_hidden(a, b);
}

static void sort(struct sp_graph *graph, int (*compare)(const void *, const void *, void *))
{
    qsort_r(graph->order, graph->n_shown, sizeof(*graph->order), compare, graph->nodes);
}

int64_t sp_graph_flat_sum(const struct sp_graph *graph)
{
    int64_t sum = 0;
    for (size_t i = 0; i < graph->n_shown; i++)
        sum = sp_wrapping_sum(sum, graph->nodes[graph->order[i]].flat);
    return sum;
}

void sp_graph_drop_small_nodes(struct sp_graph *graph, int64_t cutoff)
{
    size_t n = 0;
    for (size_t i = 0; i < graph->n_shown && cutoff > 0; i++) {
        struct sp_node *node = &graph->nodes[graph->order[i]];
        node->is_shown = sp_magnitude(node->cum) >= cutoff;
        if (node->is_shown)
            graph->order[n++] = graph->order[i];
    }
    if (cutoff <= 0)
        return;
    graph->n_dropped_nodes = graph->n_shown - n;
    graph->n_shown = graph->n_before_limit = n;
}

void sp_graph_limit_nodes(struct sp_graph *graph, size_t most)
{
    for (size_t i = most; i < graph->n_shown; i++)
        graph->nodes[graph->order[i]].is_shown = false;
    if (most < graph->n_shown)
        graph->n_shown = most;
}

void sp_graph_forget_others(struct sp_graph *graph)
{
    size_t n_frames = graph->first_frame[graph->report->profile->locations.n];
    for (size_t i = 0; i < n_frames; i++) {
        if (graph->frames[i] != SP_NONE && !graph->nodes[graph->frames[i]].is_shown)
            graph->frames[i] = SP_NONE;
    }
}

int sp_graph_init(struct sp_graph *graph, struct sp_report *report, bool has_edges)
{
    int error = sp_graph_make_nodes(graph, report);
    if (error)
        return error;
    sort(graph, compare_by_name);
    if (!has_edges)
        return 0;
    error = sp_graph_add_edges(graph);
    return error ? error : sp_graph_link_edges(graph);
}

int sp_graph_init_trimmed(struct sp_graph *graph, struct sp_report *report, bool has_edges)
{
    const struct sp_report_options *options = &report->options;
    int error = sp_graph_make_nodes(graph, report);
    if (error)
        return error;
    int64_t flat_sum = sp_graph_flat_sum(graph);
    sp_graph_drop_small_nodes(graph, sp_report_share(flat_sum, options->node_fraction));
    sort(graph, options->by_cum ? compare_by_cum : compare_by_flat);
    if (options->node_count > 0)
        sp_graph_limit_nodes(graph, options->node_count);
    if (graph->n_dropped_nodes > 0 || graph->n_shown < graph->n_before_limit)
        sp_graph_forget_others(graph);
    int64_t edge_cutoff = sp_report_share(flat_sum, options->edge_fraction);
    if (!has_edges)
        return sp_graph_mark_inlines(graph, edge_cutoff);
    error = sp_graph_add_edges(graph);
    if (error)
        return error;
    sp_graph_drop_small_edges(graph, edge_cutoff);
    return sp_graph_link_edges(graph);
}

void sp_graph_done(struct sp_graph *graph)
{
    free(graph->nodes);
    free(graph->edges);
    free(graph->in);
    free(graph->out);
    free(graph->order);
    free(graph->frames);
    free(graph->first_frame);
    sp_index_free(graph->index);
    sp_arena_free(graph->texts);
    *graph = (struct sp_graph){0};
}
