/*
 * Merging: the samples, and the life of a merger.
 *
 * Place on the way of a sample: see merge.h. Each profile is walked from its samples: what they refer to is looked up
 * or taken over on first need, and its new position remembered, so that a location is looked at once per profile
 * however many stacks it is on. Samples go in batches: of each, first the locations that it needs are gathered, then
 * these are looked up (merge_locations.c), then the samples.
 *
 * Context: ordinary code of one thread at a time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/merger.h"
#include "profile/scale.h"

enum {
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
                      merger->batch.stacks, merger->batch.needed,   merger->lines};
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
    batch->needed = new_map(most_locations + BATCH_FRAMES, sizeof *batch->needed);
    merger->lines = new_map(most_lines, sizeof *merger->lines);
    return merger->maps.strings && merger->maps.functions && merger->maps.locations && merger->maps.mappings &&
           merger->columns && merger->ratios && batch->values && batch->labels && batch->stacks && batch->needed &&
           merger->lines;
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

/*
 * Adds what has been gathered. Strings come into the merged profile in the order of the samples, each one's locations'
 * before its labels'.
 */
static void add_batch(struct sp_merger *merger)
{
    struct sp_merge_batch *batch = &merger->batch;
    struct sp_label *labels = batch->labels;
    size_t needed = 0;
    sp_merger_prefetch_needed(merger);
    for (size_t i = 0; i < batch->n; i++) {
        for (; needed < batch->origins[i].end_of_needed; needed++)
            sp_merger_hash_needed(merger, &batch->needed[needed]);
        batch->samples[i].labels = labels;
        batch->samples[i].n_labels = map_labels(merger, batch->origins[i].sample, labels);
        labels += batch->samples[i].n_labels;
    }
    sp_merger_take_needed(merger);
    for (size_t i = 0; i < batch->n_frames; i++)
        batch->stacks[i] = merger->maps.locations[batch->stacks[i]];
    sp_profile_add_samples(merger->merged, batch->samples, batch->n);
    batch->n = batch->n_frames = batch->n_labels = batch->n_needed = 0;
}

/* Puts a sample into the batch, unless its values are 0. */
static void gather_sample(struct sp_merger *merger, size_t position)
{
    const struct sp_profile *source = merger->source;
    const struct sp_sample *sample = &source->samples.at[position];
    const uint32_t *stack = source->sample_locations.at + sample->first_location;
    struct sp_merge_batch *batch = &merger->batch;
    int64_t *values = batch->values + batch->n * merger->merged->sample_types.n;
    uint32_t *gathered = batch->stacks + batch->n_frames;
    if (!map_values(merger, position, values))
        return;
    for (uint32_t frame = 0; frame < sample->n_locations; frame++) {
        gathered[frame] = stack[frame];
        if (merger->maps.locations[stack[frame]] == SP_NONE)
            sp_merger_need_location(merger, stack[frame]);
    }
    batch->origins[batch->n] = (struct sp_batch_origin){sample, batch->n_needed};
    batch->samples[batch->n++] =
        (struct sp_new_sample){.locations = gathered, .values = values, .n_locations = sample->n_locations};
    batch->n_frames += sample->n_locations;
    batch->n_labels += sample->n_labels;
}

static void add_samples(struct sp_merger *merger)
{
    const struct sp_profile *source = merger->source;
    const struct sp_merge_batch *batch = &merger->batch;
    if (merger->merged->mappings.n == 0 && source->mappings.n > 0)
        sp_merger_first_mapping(merger);
    for (size_t i = 0; i < source->samples.n && !merger->merged->error; i++) {
        gather_sample(merger, i);
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
