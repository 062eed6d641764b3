/*
 * Nodes and edges in JSON. See graph_json.h.
 * Context: ordinary code.
 */
#include "report/graph_json.h"

#include <errno.h>
#include <stdlib.h>

#include "profile/measure.h"

static void put_percent(struct sp_json *json, const char *key, int64_t value, int64_t total)
{
    sp_json_key(json, key);
    sp_json_real(json, total ? 100 * ((double)value / (double)total) : 0);
}

static void put_value(struct sp_json *json, const struct sp_graph *graph, const char *key, int64_t value)
{
    sp_json_put_int(json, key, sp_report_divided(graph->report, value));
}

static void put_text(struct sp_json *json, const char *key, const char *text)
{
    if (text[0] != '\0')
        sp_json_put_string(json, key, text);
}

static void put_number(struct sp_json *json, const char *key, int64_t number)
{
    if (number != 0)
        sp_json_put_int(json, key, number);
}

/* The name as the report's text shows it, and what it is made of. */
static int put_name(struct sp_json *json, const struct sp_node *node)
{
    char *name = sp_node_name_text(node);
    if (!name)
        return -ENOMEM;
    sp_json_put_string(json, "name", name);
    free(name);
    put_text(json, "function", node->name);
    put_text(json, "file", node->file);
    put_number(json, "line", node->line);
    put_number(json, "column", node->column);
    put_text(json, "object", node->object);
    if (node->address != 0) {
        sp_json_key(json, "address");
        sp_json_hex(json, node->address);
    }
    return 0;
}

int sp_graph_json_node(struct sp_json *json, const struct sp_graph *graph, const struct sp_node *node,
                       int64_t flat_so_far)
{
    int64_t flat = sp_node_flat(node), cum = sp_node_cum(node), total = graph->report->total;
    int error = put_name(json, node);
    if (node->is_inlined)
        sp_json_put_string(json, "inlined", node->is_called ? "partly" : "always");
    put_value(json, graph, "flat", flat);
    put_percent(json, "flat_percent", flat, total);
    put_percent(json, "sum_percent", flat_so_far, total);
    put_value(json, graph, "cum", cum);
    put_percent(json, "cum_percent", cum, total);
    return error;
}

/* An edge, seen from a node whose cumulative value is `cum`. */
static int put_edge(struct sp_json *json, const struct sp_graph *graph, const struct sp_edge *edge, uint32_t other,
                    int64_t cum)
{
    sp_json_line(json);
    sp_json_begin(json, '{');
    int error = put_name(json, &graph->nodes[other]);
    put_value(json, graph, "value", edge->value);
    put_percent(json, "percent", edge->value, cum);
    if (edge->is_inlined)
        sp_json_put_bool(json, "inlined", true);
    if (edge->is_residual)
        sp_json_put_bool(json, "indirect", true);
    sp_json_end(json, '}');
    return error;
}

int sp_graph_json_neighbours(struct sp_json *json, const struct sp_graph *graph, const struct sp_node *node)
{
    int64_t cum = sp_node_cum(node);
    int error = 0;
    sp_json_open(json, "callers", '[');
    for (uint32_t i = 0; !error && i < node->n_in; i++) {
        const struct sp_edge *edge = &graph->edges[graph->in[node->first_in + i]];
        error = put_edge(json, graph, edge, edge->caller, cum);
    }
    sp_json_end(json, ']');
    sp_json_open(json, "callees", '[');
    for (uint32_t i = 0; !error && i < node->n_out; i++) {
        const struct sp_edge *edge = &graph->edges[graph->out[node->first_out + i]];
        error = put_edge(json, graph, edge, edge->callee, cum);
    }
    sp_json_end(json, ']');
    return error;
}

void sp_graph_json_summary(struct sp_json *json, const struct sp_graph *graph)
{
    int64_t shown = 0;
    for (size_t i = 0; i < graph->n_shown; i++)
        shown = sp_wrapping_sum(shown, sp_node_flat(&graph->nodes[graph->order[i]]));
    put_value(json, graph, "shown", shown);
    sp_json_put_int(json, "nodes_shown", (int64_t)graph->n_shown);
    sp_json_put_int(json, "nodes_before_limit", (int64_t)graph->n_before_limit);
    sp_json_put_int(json, "nodes_dropped", (int64_t)graph->n_dropped_nodes);
}
