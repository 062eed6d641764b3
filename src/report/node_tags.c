/*
 * The labels of the samples at each node. See node_tags.h.
 * Context: ordinary code of one thread.
 */
#include "report/node_tags.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/index.h"
#include "profile/measure.h"
#include "report/label_lines.h"
#include "util/arena.h"
#include "util/hash.h"

/* The work on tags. */
struct collecting {
    struct sp_node_tags *tags;
    const struct sp_graph *graph;
    struct sp_index *index; /* of tags */
    size_t *last_sample;    /* of each node: position + 1 */
    char *buffer;           /* the texts of one sample */
    size_t buffer_size;
    FILE *stream;
    char *joined; /* the same, sorted */
    const char **pieces;
    size_t pieces_capacity;
    uint32_t bytes_key; /* string: numbers of which are shown */
    uint32_t base_key;  /* string: labels of which are not */
};

/* What one sample adds. */
struct addition {
    size_t sample;
    const char *texts;
    int64_t value, divisor;
};

static uint32_t find_string(const struct sp_profile *profile, const char *text)
{
    for (size_t i = 0; i < profile->strings.n; i++) {
        if (strcmp(profile->strings.at[i], text) == 0)
            return (uint32_t)i;
    }
    return SP_NONE;
}

static bool has_room(struct sp_node_tags *tags)
{
    if (tags->n < tags->capacity)
        return true;
    size_t larger = tags->capacity ? tags->capacity * 2 : 256;
    struct sp_tag *moved = reallocarray(tags->at, larger, sizeof(*moved));
    if (!moved)
        return false;
    tags->at = moved;
    tags->capacity = larger;
    return true;
}

static bool is_same(const struct sp_tag *a, const struct sp_tag *b)
{
    return a->node == b->node && !a->name == !b->name && (!a->name || strcmp(a->name, b->name) == 0) &&
           strcmp(a->texts, b->texts) == 0;
}

static const char *kept_text(struct collecting *collecting, const char *text)
{
    return sp_arena_copy(collecting->tags->texts, text, strlen(text));
}

/* The tag equal to `wanted`, new where needed, and then with texts of its own; NULL when there is no memory. */
static struct sp_tag *find_or_add(struct collecting *collecting, const struct sp_tag *wanted)
{
    struct sp_node_tags *tags = collecting->tags;
    uint64_t hash = sp_hash_bytes(sp_hash_seed() ^ wanted->node, wanted->texts, strlen(wanted->texts));
    if (wanted->name)
        hash = sp_hash_bytes(hash, wanted->name, strlen(wanted->name));
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(collecting->index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(collecting->index, &probe)) {
        if (is_same(&tags->at[i], wanted))
            return &tags->at[i];
    }
    struct sp_tag tag = *wanted;
    tag.texts = kept_text(collecting, wanted->texts);
    tag.name = wanted->name ? kept_text(collecting, wanted->name) : NULL;
    bool has_texts = tag.texts && (tag.name || !wanted->name);
    if (!has_texts || tags->n >= SP_NONE || !has_room(tags) ||
        sp_index_put(collecting->index, hash, (uint32_t)tags->n) != 0)
        return NULL;
    tags->at[tags->n] = tag;
    return &tags->at[tags->n++];
}

static int add_to_tag(struct collecting *collecting, const struct sp_tag *wanted, const struct addition *addition,
                      bool is_flat)
{
    struct sp_tag *tag = find_or_add(collecting, wanted);
    if (!tag)
        return -ENOMEM;
    int64_t *value = is_flat ? &tag->flat : &tag->cum, *divisor = is_flat ? &tag->flat_divisor : &tag->cum_divisor;
    *value = sp_wrapping_sum(*value, addition->value);
    *divisor = sp_wrapping_sum(*divisor, addition->divisor);
    return 0;
}

static int add_at_node(struct collecting *collecting, uint32_t node, const struct addition *addition, bool is_flat)
{
    const struct sp_report *report = collecting->graph->report;
    const struct sp_profile *profile = report->profile;
    const struct sp_sample *sample = &profile->samples.at[addition->sample];
    struct sp_tag wanted = {.node = node, .texts = addition->texts};
    int error = addition->texts[0] ? add_to_tag(collecting, &wanted, addition, is_flat) : 0;
    for (uint32_t i = 0; !error && i < sample->n_labels; i++) {
        const struct sp_label *label = &profile->labels.at[sample->first_label + i];
        if (label->key != collecting->bytes_key || !sp_label_is_number(label))
            continue;
        char name[SP_REPORT_VALUE_BYTES];
        wanted.number = label->num;
        wanted.unit = sp_label_unit(report->label_units, label->key);
        const char *unit = sp_scaled_text(label->num, wanted.unit, report->options.unit, name);
        snprintf(name + strlen(name), sizeof(name) - strlen(name), "%s", unit);
        wanted.name = name;
        error = add_to_tag(collecting, &wanted, addition, is_flat);
    }
    return error;
}

static int add_stack(struct collecting *collecting, const struct addition *addition)
{
    const struct sp_graph *graph = collecting->graph;
    const struct sp_sample *sample = &graph->report->profile->samples.at[addition->sample];
    const uint32_t *stack = graph->report->profile->sample_locations.at + sample->first_location;
    for (uint32_t depth = 0; depth < sample->n_locations; depth++) {
        for (size_t frame = graph->first_frame[stack[depth]]; frame < graph->first_frame[stack[depth] + 1]; frame++) {
            uint32_t node = graph->frames[frame];
            if (node == SP_NONE || !graph->nodes[node].is_shown ||
                collecting->last_sample[node] == addition->sample + 1)
                continue;
            collecting->last_sample[node] = addition->sample + 1;
            int error = add_at_node(collecting, node, addition, false);
            if (error)
                return error;
        }
    }
    uint32_t leaf = sample->n_locations ? graph->frames[graph->first_frame[stack[0]]] : SP_NONE;
    return leaf != SP_NONE && graph->nodes[leaf].is_shown ? add_at_node(collecting, leaf, addition, true) : 0;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Quotes would end the text in the drawing's language. */
static void print_label(const struct sp_profile *profile, const struct sp_label *label, FILE *out)
{
    for (int part = 0; part < 2; part++) {
        for (const char *at = sp_profile_text(profile, part ? label->str : label->key); *at; at++)
            fprintf(out, *at == '"' ? "\\%c" : "%c", *at);
        fputc(part ? '\0' : ':', out);
    }
}

/* The sample's texts joined, until the next call; NULL when there is no memory. */
static const char *joined_texts(struct collecting *collecting, const struct sp_sample *sample)
{
    const struct sp_profile *profile = collecting->graph->report->profile;
    size_t n = 0, starts = 0;
    rewind(collecting->stream);
    for (uint32_t i = 0; i < sample->n_labels; i++) {
        const struct sp_label *label = &profile->labels.at[sample->first_label + i];
        if (sp_label_is_text(label) && label->key != collecting->base_key) {
            print_label(profile, label, collecting->stream);
            n++;
        }
    }
    if (n == 0)
        return "";
    if (fflush(collecting->stream) != 0)
        return NULL;
    if (n > collecting->pieces_capacity) {
        const char **larger = reallocarray(collecting->pieces, n, sizeof(*larger));
        if (!larger)
            return NULL;
        collecting->pieces = larger;
        collecting->pieces_capacity = n;
    }
    for (size_t i = 0; i < n; i++) {
        collecting->pieces[i] = collecting->buffer + starts;
        starts += strlen(collecting->buffer + starts) + 1;
    }
    qsort(collecting->pieces, n, sizeof(*collecting->pieces), compare_texts);
    char *joined = realloc(collecting->joined, starts + 2 * n), *end = joined;
    if (!joined)
        return NULL;
    collecting->joined = joined;
    for (size_t i = 0; i < n; i++)
        end = stpcpy(i ? stpcpy(end, "\\n") : end, collecting->pieces[i]);
    return joined;
}

static int add_samples(struct collecting *collecting)
{
    const struct sp_report *report = collecting->graph->report;
    int error = 0;
    for (size_t i = 0; !error && i < report->profile->samples.n; i++) {
        const struct sp_sample *sample = &report->profile->samples.at[i];
        struct addition addition = {i, NULL, sp_report_value(report, i), sp_report_divisor(report, i)};
        if (sample->n_labels == 0 || (addition.value == 0 && addition.divisor == 0))
            continue;
        addition.texts = joined_texts(collecting, sample);
        error = addition.texts ? add_stack(collecting, &addition) : -ENOMEM;
    }
    return error;
}

static int compare_by_node(const void *a, const void *b)
{
    const struct sp_tag *left = a, *right = b;
    return (left->node > right->node) - (left->node < right->node);
}

static int sort_by_node(struct sp_node_tags *tags, size_t n_nodes, int64_t cutoff)
{
    size_t n = 0;
    for (size_t i = 0; i < tags->n; i++) {
        if (sp_magnitude(tags->at[i].flat) >= cutoff || sp_magnitude(tags->at[i].cum) >= cutoff)
            tags->at[n++] = tags->at[i];
    }
    tags->n = n;
    if (n > 0)
        qsort(tags->at, n, sizeof(*tags->at), compare_by_node);
    tags->first = calloc(n_nodes + 1, sizeof(*tags->first));
    if (!tags->first)
        return -ENOMEM;
    for (size_t i = 0, node = 0; node <= n_nodes; node++) {
        while (i < n && tags->at[i].node < node)
            i++;
        tags->first[node] = i;
    }
    return 0;
}

int sp_node_tags_init(struct sp_node_tags *tags, const struct sp_graph *graph, int64_t cutoff)
{
    *tags = (struct sp_node_tags){.texts = sp_arena_new()};
    struct collecting collecting = {.tags = tags, .graph = graph, .index = sp_index_new()};
    collecting.last_sample = calloc(graph->n_nodes + 1, sizeof(*collecting.last_sample));
    collecting.stream = open_memstream(&collecting.buffer, &collecting.buffer_size);
    collecting.bytes_key = find_string(graph->report->profile, "bytes");
    collecting.base_key = find_string(graph->report->profile, "pprof::base");
    bool has_memory = tags->texts && collecting.index && collecting.last_sample && collecting.stream;
    int error = has_memory ? add_samples(&collecting) : -ENOMEM;
    if (!error)
        error = sort_by_node(tags, graph->n_nodes, cutoff);
    if (collecting.stream)
        fclose(collecting.stream);
    free(collecting.buffer);
    free(collecting.joined);
    free(collecting.pieces);
    free(collecting.last_sample);
    sp_index_free(collecting.index);
    return error;
}

void sp_node_tags_done(struct sp_node_tags *tags)
{
    free(tags->at);
    free(tags->first);
    sp_arena_free(tags->texts);
    *tags = (struct sp_node_tags){0};
}

size_t sp_node_tags_count_flat(const struct sp_node_tags *tags, uint32_t node)
{
    size_t n = 0;
    for (size_t i = tags->first[node]; i < tags->first[node + 1]; i++)
        n += tags->at[i].flat != 0;
    return n;
}

static const char *name_of(const struct sp_tag *tag)
{
    return tag->name ? tag->name : tag->texts;
}

static int compare_magnitudes(int64_t a, int64_t b)
{
    int64_t left = sp_magnitude(a), right = sp_magnitude(b);
    return (left < right) - (left > right);
}

static int compare_by_flat(const void *a, const void *b)
{
    const struct sp_tag *left = a, *right = b;
    int order = compare_magnitudes(left->flat, right->flat);
    return order ? order : strcmp(name_of(left), name_of(right));
}

static int compare_by_cum(const void *a, const void *b)
{
    const struct sp_tag *left = a, *right = b;
    int order = compare_magnitudes(left->cum, right->cum);
    return order ? order : compare_by_flat(a, b);
}

void sp_tags_sort(struct sp_tag *tags, size_t n, bool by_flat)
{
    if (n > 0)
        qsort(tags, n, sizeof(*tags), by_flat ? compare_by_flat : compare_by_cum);
}
