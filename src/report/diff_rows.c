/*
 * From two profiles to the values of each row. See diff_rows.h.
 *
 * The frames of a side are resolved to the nodes of a graph, as those of all reports are, and the nodes to rows, which
 * both sides share; then samples are added with array reads.
 *
 * Context: ordinary code of one thread.
 */
#include "report/diff_rows.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "profile/index.h"
#include "report/diff_weights.h"
#include "report/graph_build.h"
#include "report/names.h"
#include "util/arena.h"
#include "util/hash.h"

struct side {
    enum sp_side which;
    struct sp_profile *profile;
    struct sp_graph graph; /* its frames are rows once they are resolved */
    uint32_t *of_node;     /* rows; SP_NONE where there is none yet */
};

static const char *copy(struct sp_diff *diff, const char *text)
{
    return text[0] == '\0' ? "" : sp_arena_copy(diff->texts, text, strlen(text));
}

/* The name that is shown of `row`, which `node` is. NULL when there is no memory. */
static const char *shown_name(struct sp_diff *diff, const struct sp_diff_row *row, const struct sp_node *node)
{
    const bool is_function = diff->options.by == SP_BY_FUNCTION;
    if (is_function && node->name[0] != '\0')
        return row->function;
    struct sp_node shown = *node;
    if (is_function)
        shown.file = "";
    char *text = sp_node_name_text(&shown);
    const char *name = text ? copy(diff, text) : NULL;
    free(text);
    return name;
}

static uint32_t add_row(struct sp_diff *diff, const struct sp_diff_row *wanted, const struct sp_node *node,
                        uint64_t hash)
{
    if (diff->n == diff->capacity) {
        size_t larger = diff->capacity ? diff->capacity * 2 : 256;
        struct sp_diff_row *moved = reallocarray(diff->rows, larger, sizeof(*moved));
        if (!moved)
            return SP_NONE;
        diff->rows = moved;
        diff->capacity = larger;
    }
    struct sp_diff_row row = *wanted;
    row.function = copy(diff, wanted->function);
    row.file = copy(diff, wanted->file);
    row.object = copy(diff, wanted->object);
    row.name = shown_name(diff, &row, node);
    if (!row.name || !row.function || !row.file || !row.object || diff->n >= SP_NONE ||
        sp_index_put(diff->index, hash, (uint32_t)diff->n) != 0)
        return SP_NONE;
    diff->rows[diff->n] = row;
    return (uint32_t)diff->n++;
}

static bool are_same(const struct sp_diff_row *a, const struct sp_diff_row *b)
{
    return a->line == b->line && a->column == b->column && a->offset == b->offset &&
           strcmp(a->function, b->function) == 0 && strcmp(a->file, b->file) == 0 && strcmp(a->object, b->object) == 0;
}

static uint64_t hash_of(const struct sp_diff_row *row)
{
    uint64_t hash = sp_hash_bytes(sp_hash_seed(), row->function, strlen(row->function));
    hash = sp_hash_bytes(hash, row->file, strlen(row->file));
    hash = sp_hash_bytes(hash, row->object, strlen(row->object));
    return sp_hash_word(sp_hash_word(sp_hash_word(hash, (uint64_t)row->line), (uint64_t)row->column), row->offset);
}

/* The row that is the same as `wanted`, new where needed; SP_NONE when there is no memory. */
static uint32_t find_row(struct sp_diff *diff, const struct sp_diff_row *wanted, const struct sp_node *node)
{
    const uint64_t hash = hash_of(wanted);
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(diff->index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(diff->index, &probe)) {
        if (are_same(&diff->rows[i], wanted))
            return i;
    }
    return add_row(diff, wanted, node, hash);
}

/* What is known of a node. Of frames without any name that is the program or library, wherever it is installed. */
static struct sp_diff_row row_of_node(const struct sp_diff *diff, const struct sp_node *node)
{
    struct sp_diff_row row = {
        .function = node->name, .file = node->file, .object = "", .line = node->line, .column = node->column};
    if (diff->options.by == SP_BY_FUNCTION && node->name[0] == '\0')
        row.file = "";
    size_t length;
    if (row.function[0] == '\0' && row.file[0] == '\0' && node->object[0] != '\0')
        row.object = sp_base_name(node->object, &length);
    return row;
}

/* An address is the same wherever the program or library was loaded: it counts from its file's beginning. */
static void place_in_binary(struct sp_diff_row *row, const struct sp_profile *profile,
                            const struct sp_location *location)
{
    row->address = row->offset = location->address;
    if (location->mapping == SP_NONE)
        return;
    const struct sp_mapping *mapping = &profile->mappings.at[location->mapping];
    row->offset = location->address - mapping->start + mapping->file_offset;
    row->object = sp_profile_text(profile, sp_mapping_identity(mapping));
}

/* The row of a frame of `location` that leads to `node`. */
static uint32_t resolve(struct sp_diff *diff, struct side *side, uint32_t node, const struct sp_location *location)
{
    const bool is_by_address = diff->options.by == SP_BY_ADDRESS && location->address != 0;
    if (!is_by_address && side->of_node[node] != SP_NONE)
        return side->of_node[node];
    const struct sp_node *at = &side->graph.nodes[node];
    struct sp_diff_row wanted = row_of_node(diff, at);
    if (is_by_address)
        place_in_binary(&wanted, side->profile, location);
    return side->of_node[node] = find_row(diff, &wanted, at);
}

static int resolve_frames(struct sp_diff *diff, struct side *side)
{
    struct sp_graph *graph = &side->graph;
    side->of_node = reallocarray(NULL, graph->n_nodes + 1, sizeof(*side->of_node));
    if (!side->of_node)
        return -ENOMEM;
    for (size_t i = 0; i < graph->n_nodes; i++)
        side->of_node[i] = SP_NONE;
    for (size_t i = 0; i < side->profile->locations.n; i++) {
        for (size_t frame = graph->first_frame[i]; frame < graph->first_frame[i + 1]; frame++) {
            graph->frames[frame] = resolve(diff, side, graph->frames[frame], &side->profile->locations.at[i]);
            if (graph->frames[frame] == SP_NONE)
                return -ENOMEM;
        }
    }
    return 0;
}

void sp_diff_add(struct sp_diff_value *to, enum sp_side side, double value, double variance)
{
    to->value[side] += value;
    to->variance[side] += variance;
}

static void add_sample(struct sp_diff *diff, const struct side *side, const struct sp_diff_weighing *weighing, size_t i)
{
    const struct sp_sample *sample = &side->profile->samples.at[i];
    const uint32_t *stack = side->profile->sample_locations.at + sample->first_location;
    const struct sp_graph *graph = &side->graph;
    double value = sp_diff_sample_value(weighing, i), variance = sp_diff_sample_variance(weighing, i);
    sp_diff_add(&diff->total, side->which, value, variance);
    for (uint32_t depth = 0; depth < sample->n_locations && value != 0; depth++) {
        const size_t first = graph->first_frame[stack[depth]], end = graph->first_frame[stack[depth] + 1];
        for (size_t frame = first; frame < end; frame++) {
            struct sp_diff_row *row = &diff->rows[graph->frames[frame]];
            if (depth == 0 && frame == first)
                sp_diff_add(&row->flat, side->which, value, variance);
            if (row->last_sample == i + 1)
                continue;
            row->last_sample = i + 1;
            row->is_seen[side->which] = true;
            sp_diff_add(&row->cum, side->which, value, variance);
        }
    }
}

static void add_samples(struct sp_diff *diff, const struct side *side, const struct sp_diff_weighing *weighing)
{
    for (size_t i = 0; i < diff->n; i++)
        diff->rows[i].last_sample = 0;
    for (size_t i = 0; i < side->profile->samples.n; i++)
        add_sample(diff, side, weighing, i);
}

int sp_diff_add_side(struct sp_diff *diff, struct sp_profile *profile, enum sp_side which, size_t value_index)
{
    const struct sp_diff_weighing weighing = sp_diff_weigh(profile, value_index);
    struct sp_report report = {.profile = profile, .options = {.trim_path = diff->options.trim_path}};
    struct side side = {.which = which, .profile = profile};
    int error = sp_graph_resolve_frames(&side.graph, &report);
    if (!error)
        error = resolve_frames(diff, &side);
    if (!error)
        add_samples(diff, &side, &weighing);
    const struct sp_diff_whole whole = diff->options.wholes ? diff->options.wholes[which] : sp_diff_sum(&weighing);
    diff->whole[which] = diff->options.is_relative ? diff->total.value[which] : whole.value;
    diff->weight[which] = whole.value != 0 ? whole.variance / fabs(whole.value) : 0;
    diff->heavy[which] = sp_diff_heavy(profile, whole.value);
    diff->errors_of[which] = sp_diff_errors_of(&weighing);
    free(side.of_node);
    sp_graph_done(&side.graph);
    return error;
}
