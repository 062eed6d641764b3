/*
 * The graph as it is drawn: fewer nodes and edges than a text would have, chosen to be worth looking at.
 *
 * pprof's rules: nodes are sorted by how much their edges tell (their entropy), tags count as nodes, and edges that
 * lead over hidden nodes go where there is another way.
 *
 * Context: ordinary code of one thread.
 */
#include "report/graph_visual.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "profile/measure.h"
#include "report/graph_build.h"

enum {
    MOST_TAGS = 4,
    /*
     * Edges that all searches for another way may look at: three times what eighty nodes can need, and a second of
     * work. A hostile profile's edges are left as they are beyond.
     */
    MOST_SEARCHED = 1 << 27,
};

/* The entropy of a node's edges, in bits; what it took itself is one of the ways. */
static double entropy(const struct sp_graph *graph, const uint32_t *edges, size_t n, int64_t self)
{
    int64_t total = self;
    double bits = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t value = graph->edges[edges[i]].value;
        total = value > 0 ? sp_wrapping_sum(total, value) : total;
    }
    if (total == 0)
        return 0;
    for (size_t i = 0; i < n; i++) {
        double share = (double)sp_magnitude(graph->edges[edges[i]].value) / (double)total;
        bits -= share * log2(share);
    }
    double share = (double)self / (double)total;
    return self > 0 ? bits - share * log2(share) : bits;
}

static int64_t score(const struct sp_graph *graph, const struct sp_node *node)
{
    double in = node->n_in ? entropy(graph, graph->in + node->first_in, node->n_in, 0) : 1;
    double out = node->n_out ? entropy(graph, graph->out + node->first_out, node->n_out, node->flat) : 1;
    return sp_wrapping_sum(sp_truncated((in + out) * (double)node->cum), node->flat);
}

struct scores {
    const struct sp_graph *graph;
    int64_t *of; /* each node */
};

static int compare_magnitudes(int64_t a, int64_t b)
{
    int64_t left = sp_magnitude(a), right = sp_magnitude(b);
    return (left < right) - (left > right);
}

static int compare_by_score(const void *left, const void *right, void *context)
{
    const struct scores *scores = context;
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    const struct sp_node *node_a = &scores->graph->nodes[a], *node_b = &scores->graph->nodes[b];
    int order = compare_magnitudes(scores->of[a], scores->of[b]);
    if (order == 0)
        order = sp_node_compare_shown(node_a, node_b);
    if (order == 0)
        order = compare_magnitudes(node_a->flat, node_b->flat);
    return order ? order : sp_node_compare_hidden(node_a, node_b);
}

static int sort_by_score(struct sp_graph *graph)
{
    struct scores scores = {graph, reallocarray(NULL, graph->n_nodes + 1, sizeof(int64_t))};
    if (!scores.of)
        return -ENOMEM;
    for (size_t i = 0; i < graph->n_shown; i++)
        scores.of[graph->order[i]] = score(graph, &graph->nodes[graph->order[i]]);
    qsort_r(graph->order, graph->n_shown, sizeof(*graph->order), compare_by_score, &scores);
    free(scores.of);
    return 0;
}

/* All edges between the nodes that frames lead to, and the nodes sorted by them. */
static int connect(struct sp_graph *graph)
{
    int error = sp_graph_add_edges(graph);
    if (!error)
        error = sp_graph_link_edges(graph);
    return error ? error : sort_by_score(graph);
}

/* How many of the first nodes make `most`, with their tags. */
static size_t limit(const struct sp_graph *graph, const struct sp_node_tags *tags, size_t most)
{
    size_t n = 0;
    for (size_t i = 0; i < graph->n_shown; i++) {
        size_t n_tags = sp_node_tags_count_flat(tags, graph->order[i]);
        n += 1 + (n_tags < MOST_TAGS ? n_tags : MOST_TAGS);
        if (n >= most)
            return i + 1;
    }
    return most;
}

/* Where a search backwards along the edges stands. */
struct search {
    uint32_t *queue;
    size_t *seen; /* of each node: number of the search that saw it */
    size_t number;
    size_t n_left;    /* edges that may still be looked at */
    bool *is_removed; /* of each edge */
};

/* Whether another way from the edge's caller to its callee has been found. */
static bool is_redundant(const struct sp_graph *graph, uint32_t wanted, struct search *search)
{
    const struct sp_edge *edge = &graph->edges[wanted];
    size_t n = 0;
    search->number++;
    search->queue[n++] = edge->callee;
    search->seen[edge->callee] = search->number;
    for (size_t i = 0; i < n; i++) {
        const struct sp_node *node = &graph->nodes[search->queue[i]];
        if (node->n_in > search->n_left)
            return false;
        search->n_left -= node->n_in;
        for (uint32_t j = 0; j < node->n_in; j++) {
            uint32_t in = graph->in[node->first_in + j], caller = graph->edges[in].caller;
            if (in == wanted || search->is_removed[in] || search->seen[caller] == search->number)
                continue;
            if (caller == edge->caller)
                return true;
            search->seen[caller] = search->number;
            search->queue[n++] = caller;
        }
    }
    return false;
}

/* Removes edges over hidden nodes that are redundant, lightest first, up to the first direct one of a node. */
static void mark_redundant(const struct sp_graph *graph, struct search *search)
{
    for (size_t i = graph->n_shown; i-- > 0;) {
        const struct sp_node *node = &graph->nodes[graph->order[i]];
        for (uint32_t j = node->n_in; j-- > 0;) {
            uint32_t edge = graph->in[node->first_in + j];
            if (!graph->edges[edge].is_residual)
                break;
            search->is_removed[edge] = is_redundant(graph, edge, search);
        }
    }
}

static int drop_redundant_edges(struct sp_graph *graph)
{
    struct search search = {
        .n_left = MOST_SEARCHED,
        .queue = reallocarray(NULL, graph->n_nodes + 1, sizeof(*search.queue)),
        .seen = calloc(graph->n_nodes + 1, sizeof(*search.seen)),
        .is_removed = calloc(graph->n_edges + 1, sizeof(*search.is_removed)),
    };
    bool has_memory = search.queue && search.seen && search.is_removed;
    size_t n = 0;
    if (has_memory)
        mark_redundant(graph, &search);
    for (size_t i = 0; has_memory && i < graph->n_edges; i++) {
        if (!search.is_removed[i])
            graph->edges[n++] = graph->edges[i];
    }
    free(search.queue);
    free(search.seen);
    free(search.is_removed);
    if (!has_memory)
        return -ENOMEM;
    graph->n_edges = n;
    return sp_graph_link_edges(graph);
}

/* Keeps as many nodes as options.node_count says; the edges are then those between them. */
static int limit_nodes(struct sp_graph *graph, const struct sp_node_tags *tags, int64_t edge_cutoff)
{
    size_t most = limit(graph, tags, graph->report->options.node_count);
    if (most >= graph->n_shown) {
        sp_graph_drop_small_edges(graph, edge_cutoff); /* before they are counted, as pprof has it */
        return 0;
    }
    sp_graph_limit_nodes(graph, most);
    sp_graph_forget_others(graph);
    return connect(graph);
}

static int finish(struct sp_graph *graph, int64_t edge_cutoff)
{
    sp_graph_drop_small_edges(graph, edge_cutoff);
    int error = sp_graph_link_edges(graph);
    return error ? error : drop_redundant_edges(graph);
}

int sp_graph_init_visual(struct sp_graph *graph, struct sp_node_tags *tags, struct sp_report *report)
{
    const struct sp_report_options *options = &report->options;
    *tags = (struct sp_node_tags){0};
    int error = sp_graph_make_nodes(graph, report);
    if (error)
        return error;
    int64_t flat_sum = sp_graph_flat_sum(graph), node_cutoff = sp_report_share(flat_sum, options->node_fraction);
    int64_t edge_cutoff = sp_report_share(flat_sum, options->edge_fraction);
    sp_graph_drop_small_nodes(graph, node_cutoff);
    if (graph->n_dropped_nodes > 0)
        sp_graph_forget_others(graph);
    error = sp_node_tags_init(tags, graph, node_cutoff);
    if (!error)
        error = connect(graph);
    if (!error && options->node_count > 0)
        error = limit_nodes(graph, tags, edge_cutoff);
    return error ? error : finish(graph, edge_cutoff);
}
