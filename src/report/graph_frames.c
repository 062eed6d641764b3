/*
 * Which node each frame of a profile is. See graph_build.h.
 *
 * Two steps, so that the usual case is an array read: a function (its name and file, or where it has no name, its start
 * line and the object) is looked up once for all its lines; an address, line and column at it by numbers.
 *
 * Context: ordinary code of one thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/index.h"
#include "report/graph_build.h"
#include "report/names.h"
#include "util/arena.h"
#include "util/hash.h"

/* What is known of one function of the profile. */
struct function_facts {
    const char *file; /* as shown */
    uint32_t node;    /* SP_NONE: it has no name, so that the object counts */
};

static bool has_room(struct sp_graph *graph)
{
    if (graph->n_nodes < graph->nodes_capacity)
        return true;
    size_t larger = graph->nodes_capacity ? graph->nodes_capacity * 2 : 256;
    struct sp_node *moved = reallocarray(graph->nodes, larger, sizeof(*moved));
    if (!moved)
        return false;
    graph->nodes = moved;
    graph->nodes_capacity = larger;
    return true;
}

/* Appends the node under its hash; SP_NONE when there is no memory. */
static uint32_t add_node(struct sp_graph *graph, const struct sp_node *node, uint64_t hash)
{
    uint32_t i = (uint32_t)graph->n_nodes;
    if (graph->n_nodes >= SP_NONE || !has_room(graph) || sp_index_put(graph->index, hash, i) != 0)
        return SP_NONE;
    graph->nodes[i] = *node;
    graph->n_nodes++;
    return i;
}

static bool has_place(const struct sp_node *node)
{
    return node->address != 0 || node->line != 0 || node->column != 0;
}

static bool is_same_function(const struct sp_node *a, const struct sp_node *b)
{
    return !has_place(a) && a->start_line == b->start_line && strcmp(a->name, b->name) == 0 &&
           strcmp(a->file, b->file) == 0 && strcmp(a->object, b->object) == 0;
}

/* The node of a whole function, which `wanted` is; SP_NONE when there is no memory. */
static uint32_t function_node(struct sp_graph *graph, const struct sp_node *wanted)
{
    uint64_t hash = sp_hash_bytes(sp_hash_seed(), wanted->name, strlen(wanted->name));
    hash = sp_hash_bytes(hash, wanted->file, strlen(wanted->file));
    hash = sp_hash_bytes(hash, wanted->object, strlen(wanted->object));
    hash = sp_hash_word(hash, (uint64_t)wanted->start_line);
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(graph->index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(graph->index, &probe)) {
        if (is_same_function(&graph->nodes[i], wanted))
            return i;
    }
    struct sp_node node = *wanted;
    node.function = (uint32_t)graph->n_nodes;
    return add_node(graph, &node, hash);
}

/* Texts are the function node's own, so that comparing pointers will do. */
static bool is_same_place(const struct sp_node *node, const struct sp_node *wanted)
{
    return node->address == wanted->address && node->line == wanted->line && node->column == wanted->column &&
           node->name == wanted->name && node->file == wanted->file && node->object == wanted->object &&
           node->start_line == wanted->start_line;
}

/* The node of a place in a function; the function's where there is no place. SP_NONE when there is no memory. */
static uint32_t place_node(struct sp_graph *graph, uint32_t function, uint64_t address, int64_t line, int64_t column)
{
    if (function == SP_NONE || (address == 0 && line == 0 && column == 0))
        return function;
    struct sp_node wanted = graph->nodes[function];
    wanted.address = address;
    wanted.line = line;
    wanted.column = column;
    uint64_t hash = sp_hash_word(sp_hash_word(sp_hash_seed() ^ function, address), (uint64_t)line);
    hash = sp_hash_word(hash, (uint64_t)column);
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(graph->index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(graph->index, &probe)) {
        if (is_same_place(&graph->nodes[i], &wanted))
            return i;
    }
    if (address == 0 && line == 0) /* with a column only: pprof counts it as a whole function */
        wanted.function = (uint32_t)graph->n_nodes;
    return add_node(graph, &wanted, hash);
}

/* A copy of `text` that `change` has changed in place. NULL when there is no memory. */
static const char *changed(struct sp_graph *graph, const char *text, void (*change)(char *))
{
    const size_t length = strlen(text);
    char *copy = sp_arena_take(graph->texts, length + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, length + 1);
    change(copy);
    return copy;
}

/*
 * The name that pprof shows for a function. It takes a name that differs from the system name for a demangled one,
 * and leaves it alone; otherwise it demangles (here that is symbolize's work, and done by now) and shortens.
 * NULL when there is no memory.
 */
static const char *shown_name(struct sp_graph *graph, const struct sp_function *function)
{
    const struct sp_profile *profile = graph->report->profile;
    const char *name = sp_profile_text(profile, function->name);
    if (name[0] != '\0' && function->name != function->system_name)
        return name;
    name = sp_profile_text(profile, function->system_name);
    if (!sp_name_is_long_form(name))
        return name;
    return changed(graph, name, sp_name_shorten);
}

/* The path that is shown for a function's file: trimmed and cleaned. NULL when there is no memory. */
static const char *shown_file(struct sp_graph *graph, const struct sp_function *function)
{
    const struct sp_report *report = graph->report;
    const char *path = sp_profile_text(report->profile, function->filename);
    if (path[0] == '\0')
        return path;
    path = sp_trimmed_path(path, report->options.trim_path, report->options.source_path);
    if (sp_path_is_clean(path))
        return path;
    return changed(graph, path, sp_path_clean);
}

static int resolve_function(struct sp_graph *graph, const struct sp_function *function, struct function_facts *facts)
{
    struct sp_node wanted = {.object = ""};
    wanted.name = shown_name(graph, function);
    wanted.file = facts->file = shown_file(graph, function);
    facts->node = SP_NONE;
    if (!wanted.name || !wanted.file)
        return -ENOMEM;
    if (wanted.name[0] == '\0')
        return 0;
    facts->node = function_node(graph, &wanted);
    return facts->node == SP_NONE ? -ENOMEM : 0;
}

/* Of all functions, to be freed; NULL when there is no memory. */
static struct function_facts *resolve_functions(struct sp_graph *graph)
{
    const struct sp_profile *profile = graph->report->profile;
    struct function_facts *facts = reallocarray(NULL, profile->functions.n + 1, sizeof(*facts));
    int error = 0;
    for (size_t i = 0; facts && !error && i < profile->functions.n; i++)
        error = resolve_function(graph, &profile->functions.at[i], &facts[i]);
    if (!error)
        return facts;
    free(facts);
    return NULL;
}

/* The node of a frame without a function. */
static uint32_t unknown_node(struct sp_graph *graph, const struct sp_location *location)
{
    struct sp_node wanted = {.name = "", .file = ""};
    wanted.object = sp_mapping_file(graph->report->profile, location->mapping);
    return place_node(graph, function_node(graph, &wanted), location->address, 0, 0);
}

static uint32_t line_node(struct sp_graph *graph, const struct function_facts *facts,
                          const struct sp_location *location, const struct sp_line *line)
{
    if (line->function == SP_NONE)
        return unknown_node(graph, location);
    uint32_t function = facts[line->function].node;
    if (function == SP_NONE) {
        struct sp_node wanted = {.name = "", .file = facts[line->function].file};
        wanted.object = sp_mapping_file(graph->report->profile, location->mapping);
        wanted.start_line = graph->report->profile->functions.at[line->function].start_line;
        function = function_node(graph, &wanted);
    }
    return place_node(graph, function, location->address, line->line, line->column);
}

static int count_frames(struct sp_graph *graph)
{
    const struct sp_profile *profile = graph->report->profile;
    size_t n = profile->locations.n, total = 0;
    graph->first_frame = reallocarray(NULL, n + 1, sizeof(*graph->first_frame));
    if (!graph->first_frame)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        uint32_t n_lines = profile->locations.at[i].n_lines;
        graph->first_frame[i] = total;
        total += n_lines ? n_lines : 1;
    }
    graph->first_frame[n] = total;
    graph->frames = reallocarray(NULL, total + 1, sizeof(*graph->frames));
    return graph->frames ? 0 : -ENOMEM;
}

static int resolve_location(struct sp_graph *graph, const struct function_facts *facts, size_t i)
{
    const struct sp_profile *profile = graph->report->profile;
    const struct sp_location *location = &profile->locations.at[i];
    uint32_t *frames = graph->frames + graph->first_frame[i];
    if (location->n_lines == 0)
        frames[0] = unknown_node(graph, location);
    if (location->n_lines == 0 && frames[0] == SP_NONE)
        return -ENOMEM;
    for (uint32_t line = 0; line < location->n_lines; line++) {
        frames[line] = line_node(graph, facts, location, &profile->lines.at[location->first_line + line]);
        if (frames[line] == SP_NONE)
            return -ENOMEM;
        if (line + 1 < location->n_lines)
            graph->has_inlines = true;
    }
    return 0;
}

int sp_graph_resolve_frames(struct sp_graph *graph, struct sp_report *report)
{
    *graph = (struct sp_graph){.report = report, .index = sp_index_new(), .texts = sp_arena_new()};
    if (!graph->index || !graph->texts)
        return -ENOMEM;
    struct function_facts *facts = resolve_functions(graph);
    int error = facts ? count_frames(graph) : -ENOMEM;
    for (size_t i = 0; !error && i < report->profile->locations.n; i++)
        error = resolve_location(graph, facts, i);
    free(facts);
    return error;
}
