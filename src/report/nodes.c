/*
 * The nodes of a report. See nodes.h; how nodes were inlined is in inlines.c.
 * Context: ordinary code of one thread.
 */
#include "report/nodes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/index.h"
#include "profile/measure.h"
#include "report/names.h"
#include "util/arena.h"
#include "util/hash.h"

static uint64_t node_hash(const struct sp_node *node)
{
    uint64_t hash = sp_hash_bytes(sp_hash_seed(), node->name, strlen(node->name));
    hash = sp_hash_bytes(hash, node->file, strlen(node->file));
    return sp_hash_word(hash, (uint64_t)node->start_line);
}

static bool is_same_node(const struct sp_node *a, const struct sp_node *b)
{
    return a->start_line == b->start_line && strcmp(a->name, b->name) == 0 && strcmp(a->file, b->file) == 0;
}

static bool has_room(struct sp_nodes *nodes)
{
    if (nodes->n < nodes->capacity)
        return true;
    size_t larger = nodes->capacity ? nodes->capacity * 2 : 256;
    struct sp_node *moved = reallocarray(nodes->at, larger, sizeof(*moved));
    if (!moved)
        return false;
    nodes->at = moved;
    nodes->capacity = larger;
    return true;
}

/* The node equal to `wanted`, new where needed; SP_NONE when there is no memory. */
static uint32_t find_or_add(struct sp_nodes *nodes, const struct sp_node *wanted)
{
    uint64_t hash = node_hash(wanted);
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(nodes->index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(nodes->index, &probe)) {
        if (is_same_node(&nodes->at[i], wanted))
            return i;
    }
    if (nodes->n >= SP_NONE || !has_room(nodes) || sp_index_put(nodes->index, hash, (uint32_t)nodes->n) != 0)
        return SP_NONE;
    nodes->at[nodes->n] = *wanted;
    return (uint32_t)nodes->n++;
}

/*
 * The name that pprof shows for a function. It takes a name that differs from the system name for a demangled one,
 * and leaves it alone; otherwise it demangles (here that is symbolize's work, and done by now) and shortens.
 * NULL when there is no memory.
 */
static const char *shown_name(struct sp_nodes *nodes, const struct sp_function *function)
{
    const char *name = sp_profile_text(nodes->profile, function->name);
    if (name[0] != '\0' && function->name != function->system_name)
        return name;
    name = sp_profile_text(nodes->profile, function->system_name);
    if (!sp_name_is_long_form(name))
        return name;
    size_t length = strlen(name);
    char *copy = sp_arena_take(nodes->names, length + 1);
    if (!copy)
        return NULL;
    memcpy(copy, name, length + 1);
    sp_name_shorten(copy);
    return copy;
}

static const char *file_of(const struct sp_profile *profile, const struct sp_location *location)
{
    if (location->mapping == SP_NONE)
        return "";
    const struct sp_mapping *mapping = &profile->mappings.at[location->mapping];
    const char *file = sp_profile_text(profile, mapping->file);
    return mapping->build_id == 0 && sp_is_address_of_profile(file) ? "" : file;
}

/* The node of a location's frame without a function name. */
static uint32_t nameless_node(struct sp_nodes *nodes, const struct sp_location *location, int64_t start_line)
{
    struct sp_node wanted = {.name = "", .file = file_of(nodes->profile, location), .start_line = start_line};
    return find_or_add(nodes, &wanted);
}

/* The nodes of all functions: SP_NONE for those without a name. NULL when there is no memory. */
static uint32_t *resolve_functions(struct sp_nodes *nodes)
{
    size_t n = nodes->profile->functions.n;
    uint32_t *of_function = malloc((n + 1) * sizeof(*of_function));
    for (size_t i = 0; of_function && i < n; i++) {
        struct sp_node wanted = {.name = shown_name(nodes, &nodes->profile->functions.at[i]), .file = ""};
        of_function[i] = SP_NONE;
        if (wanted.name && wanted.name[0] == '\0')
            continue;
        if (wanted.name)
            of_function[i] = find_or_add(nodes, &wanted);
        if (of_function[i] == SP_NONE) {
            free(of_function);
            return NULL;
        }
    }
    return of_function;
}

static uint32_t node_of_line(struct sp_nodes *nodes, const uint32_t *of_function, const struct sp_location *location,
                             const struct sp_line *line)
{
    if (line->function == SP_NONE)
        return nameless_node(nodes, location, 0);
    uint32_t node = of_function[line->function];
    if (node != SP_NONE)
        return node;
    return nameless_node(nodes, location, nodes->profile->functions.at[line->function].start_line);
}

static int count_frames(struct sp_nodes *nodes)
{
    size_t n = nodes->profile->locations.n, total = 0;
    nodes->first_frame = malloc((n + 1) * sizeof(*nodes->first_frame));
    if (!nodes->first_frame)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        uint32_t n_lines = nodes->profile->locations.at[i].n_lines;
        nodes->first_frame[i] = total;
        total += n_lines ? n_lines : 1;
    }
    nodes->first_frame[n] = total;
    nodes->frames = reallocarray(NULL, total + 1, sizeof(*nodes->frames));
    return nodes->frames ? 0 : -ENOMEM;
}

static int resolve_location(struct sp_nodes *nodes, const uint32_t *of_function, size_t i)
{
    const struct sp_location *location = &nodes->profile->locations.at[i];
    uint32_t *frames = nodes->frames + nodes->first_frame[i];
    if (location->n_lines == 0)
        frames[0] = nameless_node(nodes, location, 0);
    if (location->n_lines == 0 && frames[0] == SP_NONE)
        return -ENOMEM;
    for (uint32_t line = 0; line < location->n_lines; line++) {
        frames[line] =
            node_of_line(nodes, of_function, location, &nodes->profile->lines.at[location->first_line + line]);
        if (frames[line] == SP_NONE)
            return -ENOMEM;
        if (line + 1 < location->n_lines)
            nodes->has_inlines = nodes->at[frames[line]].has_inline_frame = true;
    }
    return 0;
}

static int resolve_frames(struct sp_nodes *nodes)
{
    uint32_t *of_function = resolve_functions(nodes);
    int error = of_function ? count_frames(nodes) : -ENOMEM;
    for (size_t i = 0; !error && i < nodes->profile->locations.n; i++)
        error = resolve_location(nodes, of_function, i);
    free(of_function);
    return error;
}

/* Adds one sample's value to the nodes on its stack. */
static void add_sample(struct sp_nodes *nodes, size_t i, int64_t value)
{
    const struct sp_sample *sample = &nodes->profile->samples.at[i];
    const uint32_t *stack = nodes->profile->sample_locations.at + sample->first_location;
    for (uint32_t depth = 0; depth < sample->n_locations; depth++) {
        size_t end = nodes->first_frame[stack[depth] + 1];
        for (size_t frame = nodes->first_frame[stack[depth]]; frame < end; frame++) {
            struct sp_node *node = &nodes->at[nodes->frames[frame]];
            if (node->last_sample == i + 1)
                continue;
            node->last_sample = i + 1;
            node->cum = sp_wrapping_sum(node->cum, value);
        }
    }
    if (sample->n_locations > 0) {
        struct sp_node *leaf = &nodes->at[nodes->frames[nodes->first_frame[stack[0]]]];
        leaf->flat = sp_wrapping_sum(leaf->flat, value);
    }
}

/* Whether a sample belongs to the base of a difference of profiles: pprof then takes percentages of the base. */
static bool is_of_base(const struct sp_profile *profile, const struct sp_sample *sample)
{
    for (uint32_t i = 0; i < sample->n_labels; i++) {
        const struct sp_label *label = &profile->labels.at[sample->first_label + i];
        if (strcmp(sp_profile_text(profile, label->key), "pprof::base") == 0 &&
            strcmp(sp_profile_text(profile, label->str), "true") == 0)
            return true;
    }
    return false;
}

static void add_samples(struct sp_nodes *nodes, size_t value_index)
{
    const struct sp_profile *profile = nodes->profile;
    int64_t base_total = 0;
    for (size_t i = 0; i < profile->samples.n; i++) {
        int64_t value = profile->values.at[i * profile->sample_types.n + value_index];
        nodes->total = sp_wrapping_sum(nodes->total, sp_magnitude(value));
        if (is_of_base(profile, &profile->samples.at[i]))
            base_total = sp_wrapping_sum(base_total, sp_magnitude(value));
        if (value != 0)
            add_sample(nodes, i, value);
    }
    if (base_total > 0)
        nodes->total = base_total;
}

int sp_nodes_init(struct sp_nodes *nodes, const struct sp_profile *profile, size_t value_index)
{
    *nodes = (struct sp_nodes){.profile = profile, .index = sp_index_new(), .names = sp_arena_new()};
    if (!nodes->index || !nodes->names)
        return -ENOMEM;
    int error = resolve_frames(nodes);
    if (!error)
        add_samples(nodes, value_index);
    return error;
}

void sp_nodes_done(struct sp_nodes *nodes)
{
    free(nodes->at);
    free(nodes->frames);
    free(nodes->first_frame);
    sp_index_free(nodes->index);
    sp_arena_free(nodes->names);
    *nodes = (struct sp_nodes){0};
}

struct sp_node_name sp_node_name(const struct sp_node *node)
{
    if (node->name[0] != '\0')
        return (struct sp_node_name){"", node->name, "", strlen(node->name)};
    if (node->file[0] == '\0')
        return (struct sp_node_name){"<", "unknown", ">", strlen("unknown")};
    struct sp_node_name shown = {.open = "[", .close = "]"};
    shown.text = sp_base_name(node->file, &shown.length);
    return shown;
}

/* The character of a shown name at `i`, 0 behind its end. `open` and `close` are at most one character. */
static int character_at(const struct sp_node_name *name, size_t i)
{
    size_t n_open = name->open[0] != '\0';
    if (i < n_open)
        return (unsigned char)name->open[0];
    return i - n_open < name->length    ? (unsigned char)name->text[i - n_open]
           : i - n_open == name->length ? (unsigned char)name->close[0]
                                        : 0;
}

int sp_node_compare_shown(const struct sp_node *a, const struct sp_node *b)
{
    if (a->name[0] != '\0' && b->name[0] != '\0')
        return strcmp(a->name, b->name);
    struct sp_node_name left = sp_node_name(a), right = sp_node_name(b);
    for (size_t i = 0;; i++) {
        int l = character_at(&left, i), r = character_at(&right, i);
        if (l != r || l == 0)
            return l - r;
    }
}

int sp_node_compare_hidden(const struct sp_node *a, const struct sp_node *b)
{
    int order = strcmp(a->file, b->file);
    return order ? order : (a->start_line > b->start_line) - (a->start_line < b->start_line);
}
