/*
 * Merging: samples, and the locations, functions and mappings that they need.
 *
 * Place on the way of a sample: see merge.h. Each profile is walked from its samples: what they refer to is looked up
 * or taken over on first need, and its new position remembered, so that a location is looked at once per profile
 * however many stacks it is on.
 *
 * Context: ordinary code of one thread at a time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/intern.h"
#include "profile/measure.h"
#include "profile/merger.h"
#include "profile/scale.h"
#include "util/hash.h"

/* Mappings of about the same size count as the same: loaders differ in how they round. */
enum {
    PAGE_BYTES = 0x1000,
    BATCH_FRAMES = 4096, /* samples are added together until there are as many */
    BATCH_LABELS = 512,
};

struct sp_merger *sp_merger_new(void)
{
    struct sp_merger *merger = calloc(1, sizeof *merger);
    if (!merger)
        return NULL;
    merger->merged = sp_profile_new();
    struct sp_merge_indexes *indexes = &merger->indexes;
    *indexes =
        (struct sp_merge_indexes){sp_index_new(), sp_index_new(), sp_index_new(), sp_index_new(), sp_index_new()};
    if (!merger->merged || !indexes->mappings || !indexes->locations || !indexes->comments || !indexes->facts ||
        !indexes->accounts) {
        sp_merger_free(merger);
        return NULL;
    }
    return merger;
}

static void free_scratch(struct sp_merger *merger)
{
    void *blocks[] = {merger->maps.strings, merger->maps.functions, merger->maps.locations, merger->maps.mappings,
                      merger->columns,      merger->ratios,         merger->batch.values,   merger->batch.labels,
                      merger->batch.stacks, merger->lines};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        free(blocks[i]);
    merger->maps = (struct sp_merge_maps){0};
    merger->batch = (struct sp_merge_batch){0};
    merger->columns = NULL;
    merger->ratios = NULL;
    merger->lines = NULL;
}

void sp_merger_free(struct sp_merger *merger)
{
    if (!merger)
        return;
    free_scratch(merger);
    sp_profile_free(merger->merged);
    sp_index_free(merger->indexes.mappings);
    sp_index_free(merger->indexes.locations);
    sp_index_free(merger->indexes.comments);
    sp_index_free(merger->indexes.facts);
    sp_index_free(merger->indexes.accounts);
    free(merger->n_agreeing.at);
    free(merger);
}

/* Room for `n` items, all bits of them set; never NULL for want of items. */
static void *new_map(size_t n, size_t item_bytes)
{
    void *map = n < PTRDIFF_MAX / item_bytes ? malloc((n + 1) * item_bytes) : NULL;
    if (map)
        memset(map, 0xff, (n + 1) * item_bytes); /* SP_NONE */
    return map;
}

static bool new_scratch(struct sp_merger *merger)
{
    const struct sp_profile *source = merger->source;
    size_t most_locations = 0, most_labels = 0, most_lines = 0, n_types = source->sample_types.n;
    for (size_t i = 0; i < source->samples.n; i++) {
        const struct sp_sample *sample = &source->samples.at[i];
        if (sample->n_locations > most_locations)
            most_locations = sample->n_locations;
        if (sample->n_labels > most_labels)
            most_labels = sample->n_labels;
    }
    for (size_t i = 0; i < source->locations.n; i++)
        if (source->locations.at[i].n_lines > most_lines)
            most_lines = source->locations.at[i].n_lines;
    if (n_types < merger->merged->sample_types.n)
        n_types = merger->merged->sample_types.n;
    merger->maps.strings = new_map(source->strings.n, sizeof *merger->maps.strings);
    merger->maps.functions = new_map(source->functions.n, sizeof *merger->maps.functions);
    merger->maps.locations = new_map(source->locations.n, sizeof *merger->maps.locations);
    merger->maps.mappings = new_map(source->mappings.n, sizeof *merger->maps.mappings);
    merger->columns = new_map(n_types, sizeof *merger->columns);
    merger->ratios = new_map(n_types, sizeof *merger->ratios);
    struct sp_merge_batch *batch = &merger->batch;
    batch->values = new_map(n_types * SP_NEW_SAMPLES_MAX, sizeof *batch->values);
    batch->labels = new_map(most_labels + BATCH_LABELS, sizeof *batch->labels);
    batch->stacks = new_map(most_locations + BATCH_FRAMES, sizeof *batch->stacks);
    merger->lines = new_map(most_lines, sizeof *merger->lines);
    return merger->maps.strings && merger->maps.functions && merger->maps.locations && merger->maps.mappings &&
           merger->columns && merger->ratios && batch->values && batch->labels && batch->stacks && merger->lines;
}

uint32_t sp_merger_string(struct sp_merger *merger, uint32_t string)
{
    uint32_t *at = &merger->maps.strings[string];
    if (*at == SP_NONE)
        *at = sp_profile_string(merger->merged, sp_profile_text(merger->source, string));
    return *at;
}

static uint64_t size_in_pages(const struct sp_mapping *mapping)
{
    return (mapping->limit - mapping->start + PAGE_BYTES - 1) / PAGE_BYTES;
}

/* The build id; the file where there is none; "" for mappings of neither, which are all the same one. */
static uint32_t identity(const struct sp_mapping *mapping)
{
    return mapping->build_id ? mapping->build_id : mapping->file;
}

static uint32_t find_or_add_mapping(struct sp_merger *merger, const struct sp_mapping *wanted)
{
    struct sp_profile *merged = merger->merged;
    uint64_t hash = sp_hash_word(sp_hash_word(sp_hash_word(sp_hash_seed(), size_in_pages(wanted)), wanted->file_offset),
                                 identity(wanted));
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(merger->indexes.mappings, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(merger->indexes.mappings, &probe)) {
        const struct sp_mapping *known = &merged->mappings.at[i];
        if (size_in_pages(known) == size_in_pages(wanted) && known->file_offset == wanted->file_offset &&
            identity(known) == identity(wanted))
            return i;
    }
    sp_profile_index_put(merged, merger->indexes.mappings, hash, merged->mappings.n);
    return sp_profile_add_mapping(merged, wanted);
}

static struct mapped map_mapping(struct sp_merger *merger, uint32_t position)
{
    if (position == SP_NONE)
        return (struct mapped){.mapping = SP_NONE};
    struct mapped *mapped = &merger->maps.mappings[position];
    if (mapped->mapping != SP_NONE)
        return *mapped;
    struct sp_mapping wanted = merger->source->mappings.at[position];
    wanted.file = sp_merger_string(merger, wanted.file);
    wanted.build_id = sp_merger_string(merger, wanted.build_id);
    uint32_t found = find_or_add_mapping(merger, &wanted);
    if (!merger->merged->error)
        *mapped = (struct mapped){found, merger->merged->mappings.at[found].start - wanted.start};
    return *mapped;
}

static uint32_t map_function(struct sp_merger *merger, uint32_t position)
{
    if (position == SP_NONE)
        return SP_NONE;
    uint32_t *mapped = &merger->maps.functions[position];
    if (*mapped != SP_NONE)
        return *mapped;
    const struct sp_function *function = &merger->source->functions.at[position];
    const struct sp_function wanted = {
        .name = sp_merger_string(merger, function->name),
        .system_name = sp_merger_string(merger, function->system_name),
        .filename = sp_merger_string(merger, function->filename),
        .start_line = function->start_line,
    };
    return *mapped = sp_profile_function(merger->merged, &wanted);
}

static uint64_t location_hash(const struct sp_location *location, const struct sp_line *lines)
{
    uint64_t hash = sp_hash_word(sp_hash_seed(), (uint64_t)location->mapping << 1 | location->is_folded);
    hash = sp_hash_word(hash, location->address);
    for (uint32_t i = 0; i < location->n_lines; i++)
        hash = sp_hash_word(sp_hash_word(hash, lines[i].function), (uint64_t)lines[i].line);
    return hash;
}

/* pprof tells lines apart by function and line, and by the column of the last one: in its key, others are overwritten.
 */
static bool are_same_lines(const struct sp_line *a, const struct sp_line *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (a[i].function != b[i].function || a[i].line != b[i].line)
            return false;
    return n == 0 || a[n - 1].column == b[n - 1].column;
}

/* All addresses are those of the merged mapping already, so comparing them compares offsets in it. */
static uint32_t find_or_add_location(struct sp_merger *merger, const struct sp_location *wanted)
{
    struct sp_profile *merged = merger->merged;
    uint64_t hash = location_hash(wanted, merger->lines);
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(merger->indexes.locations, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(merger->indexes.locations, &probe)) {
        const struct sp_location *known = &merged->locations.at[i];
        if (known->mapping == wanted->mapping && known->address == wanted->address &&
            known->is_folded == wanted->is_folded && known->n_lines == wanted->n_lines &&
            are_same_lines(merged->lines.at + known->first_line, merger->lines, wanted->n_lines))
            return i;
    }
    sp_profile_index_put(merged, merger->indexes.locations, hash, merged->locations.n);
    return sp_profile_add_location(merged, wanted, merger->lines, wanted->n_lines);
}

static uint32_t map_location(struct sp_merger *merger, uint32_t position)
{
    uint32_t *mapped = &merger->maps.locations[position];
    if (*mapped != SP_NONE)
        return *mapped;
    struct sp_location wanted = merger->source->locations.at[position];
    const struct mapped mapping = map_mapping(merger, wanted.mapping);
    wanted.mapping = mapping.mapping;
    wanted.address += mapping.displacement;
    for (uint32_t i = 0; i < wanted.n_lines; i++) {
        merger->lines[i] = merger->source->lines.at[wanted.first_line + i];
        merger->lines[i].function = map_function(merger, merger->lines[i].function);
    }
    return *mapped = find_or_add_location(merger, &wanted);
}

/* Text labels come before numbers, each by key; labels of the same key stay in order. */
static bool comes_after(const struct sp_profile *profile, const struct sp_label *a, const struct sp_label *b)
{
    if ((a->str == 0) != (b->str == 0))
        return a->str == 0;
    return a->key != b->key && strcmp(sp_profile_text(profile, a->key), sp_profile_text(profile, b->key)) > 0;
}

/* Puts a sample's labels into `labels`; how many. A number that is 0 and has no unit is no label for pprof. */
static uint32_t map_labels(struct sp_merger *merger, const struct sp_sample *sample, struct sp_label *labels)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < sample->n_labels; i++) {
        struct sp_label label = merger->source->labels.at[sample->first_label + i];
        if (label.str == 0 && label.num == 0 && label.unit == 0)
            continue;
        label.key = sp_merger_string(merger, label.key);
        label.str = sp_merger_string(merger, label.str);
        label.num = label.str ? 0 : label.num;
        label.unit = label.str ? 0 : sp_merger_string(merger, label.unit);
        uint32_t at = n++;
        for (; at > 0 && comes_after(merger->merged, &labels[at - 1], &label); at--)
            labels[at] = labels[at - 1];
        labels[at] = label;
    }
    return n;
}

/* Puts a sample's values into `mapped`: whether any of those that count is not 0. */
static bool map_values(const struct sp_merger *merger, size_t sample, int64_t *mapped)
{
    const struct sp_profile *source = merger->source;
    const int64_t *values = source->values.at + sample * source->sample_types.n;
    bool is_zero = true, is_scaled_to_zero = true;
    for (size_t i = 0; i < merger->merged->sample_types.n; i++) {
        int64_t value = values[merger->columns[i]];
        if (merger->ratios[i] != 1) {
            value = sp_scaled_value(value, merger->ratios[i]);
            is_scaled_to_zero = is_scaled_to_zero && value == 0;
        }
        is_zero = is_zero && value == 0;
        mapped[i] = value;
    }
    return merger->has_ratios ? !is_scaled_to_zero : !is_zero;
}

static void add_batch(struct sp_merger *merger)
{
    struct sp_merge_batch *batch = &merger->batch;
    sp_profile_add_samples(merger->merged, batch->samples, batch->n);
    batch->n = batch->n_frames = batch->n_labels = 0;
}

/* Puts a sample into the batch, unless its values are 0. */
static void map_sample(struct sp_merger *merger, size_t position)
{
    const struct sp_profile *source = merger->source;
    const struct sp_sample *sample = &source->samples.at[position];
    const uint32_t *stack = source->sample_locations.at + sample->first_location;
    struct sp_merge_batch *batch = &merger->batch;
    int64_t *values = batch->values + batch->n * merger->merged->sample_types.n;
    uint32_t *mapped = batch->stacks + batch->n_frames;
    struct sp_label *labels = batch->labels + batch->n_labels;
    if (!map_values(merger, position, values))
        return;
    for (uint32_t frame = 0; frame < sample->n_locations; frame++)
        mapped[frame] = map_location(merger, stack[frame]);
    uint32_t n_labels = map_labels(merger, sample, labels);
    batch->samples[batch->n++] = (struct sp_new_sample){mapped, labels, values, sample->n_locations, n_labels};
    batch->n_frames += sample->n_locations;
    batch->n_labels += n_labels;
}

static void add_samples(struct sp_merger *merger)
{
    const struct sp_profile *source = merger->source;
    const struct sp_merge_batch *batch = &merger->batch;
    if (merger->merged->mappings.n == 0 && source->mappings.n > 0)
        map_mapping(merger, 0);
    for (size_t i = 0; i < source->samples.n && !merger->merged->error; i++) {
        map_sample(merger, i);
        if (batch->n == SP_NEW_SAMPLES_MAX || batch->n_frames >= BATCH_FRAMES || batch->n_labels >= BATCH_LABELS)
            add_batch(merger);
    }
    add_batch(merger);
}

/* The sentence for errors that have nothing to do with what the profile says. */
static int explain(int error, char *why, size_t why_size)
{
    if (error == -ENOMEM)
        snprintf(why, why_size, "there is not enough memory to merge it");
    else if (error == -EFBIG)
        snprintf(why, why_size, "it makes the merged profile larger than 2^32 entries");
    return error;
}

int sp_merger_add(struct sp_merger *merger, const struct sp_profile *profile, char *why, size_t why_size)
{
    merger->source = profile;
    int error = new_scratch(merger) ? sp_merger_match_types(merger, why, why_size) : -ENOMEM;
    if (!error) {
        sp_merger_add_header(merger);
        sp_merger_add_facts(merger);
        add_samples(merger);
        merger->n_profiles++;
        error = merger->merged->error;
    }
    free_scratch(merger);
    merger->source = NULL;
    return explain(error, why, why_size);
}

static bool has_zero_sample(const struct sp_profile *profile)
{
    for (size_t i = 0, n = profile->sample_types.n; i < profile->samples.n; i++) {
        size_t value = 0;
        while (value < n && profile->values.at[i * n + value] == 0)
            value++;
        if (value == n)
            return true;
    }
    return false;
}

/* What came to 0 by adding up goes, with all that only it needed. */
static int drop_zero_samples(struct sp_profile **profile)
{
    if (!has_zero_sample(*profile))
        return 0;
    struct sp_profile *compacted;
    int error = sp_profile_compact(*profile, &compacted);
    if (error)
        return error;
    sp_profile_free(*profile);
    *profile = compacted;
    return 0;
}

int sp_merger_finish(struct sp_merger *merger, struct sp_profile **merged, char *why, size_t why_size)
{
    if (merger->n_profiles == 0) {
        snprintf(why, why_size, "there are no profiles to merge");
        return -EINVAL;
    }
    sp_merger_finish_header(merger);
    int error = merger->merged->error ? merger->merged->error : drop_zero_samples(&merger->merged);
    if (error)
        return explain(error, why, why_size);
    *merged = merger->merged;
    merger->merged = NULL;
    return 0;
}

int sp_profile_merge(struct sp_profile *const *profiles, size_t n, struct sp_profile **merged, char *why,
                     size_t why_size)
{
    struct sp_merger *merger = sp_merger_new();
    int error = merger ? 0 : explain(-ENOMEM, why, why_size);
    for (size_t i = 0; !error && i < n; i++)
        error = sp_merger_add(merger, profiles[i], why, why_size);
    if (!error)
        error = sp_merger_finish(merger, merged, why, why_size);
    sp_merger_free(merger);
    return error;
}

int sp_profile_compact(const struct sp_profile *profile, struct sp_profile **compacted)
{
    struct sp_merger *merger = sp_merger_new();
    int error = merger ? sp_merger_add(merger, profile, NULL, 0) : -ENOMEM;
    if (!error)
        error = sp_merger_finish(merger, compacted, NULL, 0);
    sp_merger_free(merger);
    return error;
}
