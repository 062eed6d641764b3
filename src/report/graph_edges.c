/*
 * Edges from callers to callees. See graph_build.h.
 *
 * An edge is an entry in a hash index, from the pair of nodes.
 *
 * Context: ordinary code of one thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/index.h"
#include "profile/measure.h"
#include "report/graph_build.h"
#include "util/hash.h"

/* The work on edges, beside what is in the graph. */
struct making {
    struct sp_graph *graph;
    struct sp_index *index; /* of edges, by their nodes */
    size_t *last_sample;    /* of each edge: it counts once a stack; position + 1 */
};

static bool has_room(struct making *making)
{
    struct sp_graph *graph = making->graph;
    if (graph->n_edges < graph->edges_capacity)
        return true;
    size_t larger = graph->edges_capacity ? graph->edges_capacity * 2 : 256;
    struct sp_edge *edges = reallocarray(graph->edges, larger, sizeof(*edges));
    if (edges)
        graph->edges = edges;
    size_t *samples = reallocarray(making->last_sample, larger, sizeof(*samples));
    if (samples)
        making->last_sample = samples;
    if (!edges || !samples)
        return false;
    graph->edges_capacity = larger;
    return true;
}

/* The edge from `caller` to `callee`, new where needed; SP_NONE when there is no memory. */
static uint32_t find_or_add(struct making *making, uint32_t caller, uint32_t callee)
{
    struct sp_graph *graph = making->graph;
    uint64_t hash = sp_hash_word(sp_hash_seed(), (uint64_t)caller << 32 | callee);
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(making->index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(making->index, &probe)) {
        if (graph->edges[i].caller == caller && graph->edges[i].callee == callee)
            return i;
    }
    uint32_t i = (uint32_t)graph->n_edges;
    if (graph->n_edges >= SP_NONE || !has_room(making) || sp_index_put(making->index, hash, i) != 0)
        return SP_NONE;
    graph->edges[i] = (struct sp_edge){.caller = caller, .callee = callee, .is_inlined = true};
    making->last_sample[i] = 0;
    graph->n_edges++;
    return i;
}

/* What one stack adds to an edge. */
struct step {
    int64_t value, divisor;
    bool is_residual, is_inlined;
};

static int count_step(struct making *making, uint32_t caller, uint32_t callee, size_t sample, const struct step *step)
{
    uint32_t i = find_or_add(making, caller, callee);
    if (i == SP_NONE)
        return -ENOMEM;
    if (making->last_sample[i] == sample + 1)
        return 0;
    making->last_sample[i] = sample + 1;
    struct sp_edge *edge = &making->graph->edges[i];
    edge->value = sp_wrapping_sum(edge->value, step->value);
    edge->divisor = sp_wrapping_sum(edge->divisor, step->divisor);
    edge->is_residual = edge->is_residual || step->is_residual;
    edge->is_inlined = edge->is_inlined && step->is_inlined;
    return 0;
}

/* Walks one stack from root to leaf. */
static int count_sample(struct making *making, size_t i, struct step *step)
{
    const struct sp_graph *graph = making->graph;
    const struct sp_profile *profile = graph->report->profile;
    const struct sp_sample *sample = &profile->samples.at[i];
    const uint32_t *stack = profile->sample_locations.at + sample->first_location;
    uint32_t caller = SP_NONE;
    step->is_residual = false;
    for (uint32_t depth = sample->n_locations; depth-- > 0;) {
        size_t first = graph->first_frame[stack[depth]], end = graph->first_frame[stack[depth] + 1];
        for (size_t frame = end; frame-- > first;) {
            uint32_t callee = graph->frames[frame];
            if (callee == SP_NONE) {
                step->is_residual = true;
                continue;
            }
            step->is_inlined = frame + 1 != end;
            if (caller != SP_NONE && caller != callee && count_step(making, caller, callee, i, step) != 0)
                return -ENOMEM;
            caller = callee;
            step->is_residual = false;
        }
    }
    return 0;
}

static int count_samples(struct making *making)
{
    const struct sp_report *report = making->graph->report;
    int error = 0;
    for (size_t i = 0; !error && i < report->profile->samples.n; i++) {
        struct step step = {.value = sp_report_value(report, i), .divisor = sp_report_divisor(report, i)};
        if (step.value != 0 || step.divisor != 0)
            error = count_sample(making, i, &step);
    }
    return error;
}

int sp_graph_add_edges(struct sp_graph *graph)
{
    graph->n_edges = graph->edges_capacity = 0;
    free(graph->edges);
    graph->edges = NULL;
    struct making making = {.graph = graph, .index = sp_index_new()};
    int error = making.index ? count_samples(&making) : -ENOMEM;
    sp_index_free(making.index);
    free(making.last_sample);
    return error;
}

void sp_graph_drop_small_edges(struct sp_graph *graph, int64_t cutoff)
{
    size_t n = 0;
    for (size_t i = 0; i < graph->n_edges; i++) {
        const struct sp_edge *edge = &graph->edges[i];
        if (!graph->nodes[edge->callee].is_shown || sp_magnitude(edge->value) >= cutoff)
            graph->edges[n++] = *edge;
    }
    graph->n_dropped_edges = graph->n_edges - n;
    graph->n_edges = n;
}

/* By weight, and then by what is shown of both ends, before what is not: callers may look alike and be others. */
static int compare_edges(const void *left, const void *right, void *nodes_of_graph)
{
    const struct sp_edge *a = left, *b = right;
    const struct sp_node *nodes = nodes_of_graph;
    const struct sp_node *from_a = &nodes[a->caller], *from_b = &nodes[b->caller];
    const struct sp_node *to_a = &nodes[a->callee], *to_b = &nodes[b->callee];
    int64_t weight_a = sp_magnitude(a->value), weight_b = sp_magnitude(b->value);
    int order = (weight_a < weight_b) - (weight_a > weight_b);
    if (order == 0 && from_a != from_b)
        order = sp_node_compare_shown(from_a, from_b);
    if (order == 0 && to_a != to_b)
        order = sp_node_compare_shown(to_a, to_b);
    if (order == 0 && from_a != from_b)
        order = sp_node_compare_hidden(from_a, from_b);
    if (order == 0 && to_a != to_b)
        order = sp_node_compare_hidden(to_a, to_b);
    return order;
}

/* Gives each node its part of `in` and `out`, still empty. */
static void divide(struct sp_graph *graph)
{
    for (size_t i = 0; i < graph->n_nodes; i++)
        graph->nodes[i].n_in = graph->nodes[i].n_out = 0;
    for (size_t i = 0; i < graph->n_edges; i++) {
        graph->nodes[graph->edges[i].caller].n_out++;
        graph->nodes[graph->edges[i].callee].n_in++;
    }
    uint32_t in = 0, out = 0;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        struct sp_node *node = &graph->nodes[i];
        node->first_in = in;
        node->first_out = out;
        in += node->n_in;
        out += node->n_out;
        node->n_in = node->n_out = 0;
        node->is_inlined = node->is_called = false;
    }
}

int sp_graph_link_edges(struct sp_graph *graph)
{
    uint32_t *in = reallocarray(graph->in, graph->n_edges + 1, sizeof(*in));
    graph->in = in ? in : graph->in;
    uint32_t *out = reallocarray(graph->out, graph->n_edges + 1, sizeof(*out));
    graph->out = out ? out : graph->out;
    if (!in || !out)
        return -ENOMEM;
    if (graph->n_edges > 0)
        qsort_r(graph->edges, graph->n_edges, sizeof(*graph->edges), compare_edges, graph->nodes);
    divide(graph);
    for (uint32_t i = 0; i < graph->n_edges; i++) {
        const struct sp_edge *edge = &graph->edges[i];
        struct sp_node *caller = &graph->nodes[edge->caller], *callee = &graph->nodes[edge->callee];
        out[caller->first_out + caller->n_out++] = i;
        in[callee->first_in + callee->n_in++] = i;
        callee->is_inlined = callee->is_inlined || edge->is_inlined;
        callee->is_called = callee->is_called || !edge->is_inlined;
    }
    return 0;
}
