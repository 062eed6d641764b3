/*
 * The profile's samples: appended as they are, or merged with the equal one.
 *
 * Place on the way of a sample: see profile.h.
 * Context: ordinary code of one thread at a time.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "profile/grow.h"
#include "profile/intern.h"
#include "profile/profile.h"
#include "util/hash.h"

enum {
    FRAMES_OF_LINE = 64 / sizeof(uint32_t), /* of the CPU's caches */
    PREFETCHED_FRAMES = 4 * FRAMES_OF_LINE, /* beyond them the CPU sees by itself what is coming */
};

static uint64_t label_hash(uint64_t hash, const struct sp_label *label)
{
    hash = sp_hash_word(hash, (uint64_t)label->key << 32 | label->str);
    return sp_hash_word(sp_hash_word(hash, (uint64_t)label->num), label->unit);
}

static uint64_t sample_hash(const uint32_t *locations, uint32_t n_locations, const struct sp_label *labels,
                            uint32_t n_labels)
{
    uint64_t hash = sp_hash_bytes(sp_hash_seed(), locations, n_locations * sizeof(*locations));
    for (uint32_t i = 0; i < n_labels; i++)
        hash = label_hash(hash, &labels[i]);
    return hash;
}

static bool is_same_label(const struct sp_label *a, const struct sp_label *b)
{
    return a->key == b->key && a->str == b->str && a->num == b->num && a->unit == b->unit;
}

static bool is_same_sample(const struct sp_profile *profile, const struct sp_sample *sample, const uint32_t *locations,
                           uint32_t n_locations, const struct sp_label *labels, uint32_t n_labels)
{
    if (sample->n_locations != n_locations || sample->n_labels != n_labels)
        return false;
    if (n_locations &&
        memcmp(profile->sample_locations.at + sample->first_location, locations, n_locations * sizeof(*locations)) != 0)
        return false;
    for (uint32_t i = 0; i < n_labels; i++) {
        if (!is_same_label(&profile->labels.at[sample->first_label + i], &labels[i]))
            return false;
    }
    return true;
}

/* The sum, or the limit that it would pass. */
static int64_t saturating_sum(int64_t a, int64_t b)
{
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum))
        return sum;
    return b > 0 ? INT64_MAX : INT64_MIN;
}

uint32_t sp_profile_append_sample(struct sp_profile *profile, const uint32_t *locations, uint32_t n_locations,
                                  const struct sp_label *labels, uint32_t n_labels, const int64_t *values)
{
    size_t n_values = profile->sample_types.n;
    if (!SP_RESERVE(profile, profile->samples, 1) || !SP_RESERVE(profile, profile->sample_locations, n_locations) ||
        !SP_RESERVE(profile, profile->labels, n_labels) ||
        !SP_RESERVE_MAX(profile, profile->values, n_values, SIZE_MAX))
        return 0;
    profile->samples.at[profile->samples.n] = (struct sp_sample){
        .first_location = (uint32_t)profile->sample_locations.n,
        .n_locations = n_locations,
        .first_label = (uint32_t)profile->labels.n,
        .n_labels = n_labels,
    };
    if (n_locations)
        memcpy(profile->sample_locations.at + profile->sample_locations.n, locations, n_locations * sizeof(*locations));
    if (n_labels)
        memcpy(profile->labels.at + profile->labels.n, labels, n_labels * sizeof(*labels));
    if (n_values)
        memcpy(profile->values.at + profile->values.n, values, n_values * sizeof(*values));
    profile->sample_locations.n += n_locations;
    profile->labels.n += n_labels;
    profile->values.n += n_values;
    return (uint32_t)profile->samples.n++;
}

static uint32_t add_hashed(struct sp_profile *profile, uint64_t hash, const struct sp_new_sample *added)
{
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(profile->sample_index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(profile->sample_index, &probe)) {
        if (!is_same_sample(profile, &profile->samples.at[i], added->locations, added->n_locations, added->labels,
                            added->n_labels))
            continue;
        int64_t *sums = profile->values.at + (size_t)i * profile->sample_types.n;
        for (size_t v = 0; v < profile->sample_types.n; v++)
            sums[v] = saturating_sum(sums[v], added->values[v]);
        return i;
    }
    size_t n = profile->samples.n;
    uint32_t at = sp_profile_append_sample(profile, added->locations, added->n_locations, added->labels,
                                           added->n_labels, added->values);
    /* A sample that is not in the index is merely not merged with; the error says that the profile is not complete. */
    if (profile->samples.n > n)
        sp_profile_index_put(profile, profile->sample_index, hash, at);
    return at;
}

uint32_t sp_profile_add_sample(struct sp_profile *profile, const uint32_t *locations, uint32_t n_locations,
                               const struct sp_label *labels, uint32_t n_labels, const int64_t *values)
{
    if (profile->error)
        return 0;
    const struct sp_new_sample added = {
        .locations = locations, .labels = labels, .values = values, .n_locations = n_locations, .n_labels = n_labels};
    return add_hashed(profile, sample_hash(locations, n_locations, labels, n_labels), &added);
}

/* Begins to load the sample that is likely the equal one; then its stack and values. */
static void prefetch_equals(const struct sp_profile *profile, const uint64_t *hashes, size_t n)
{
    uint32_t likely[SP_NEW_SAMPLES_MAX];
    struct sp_probe probe;
    for (size_t i = 0; i < n; i++) {
        likely[i] = sp_index_first(profile->sample_index, hashes[i], &probe);
        if (likely[i] != SP_INDEX_NONE)
            __builtin_prefetch(&profile->samples.at[likely[i]]);
    }
    for (size_t i = 0; i < n; i++) {
        if (likely[i] == SP_INDEX_NONE)
            continue;
        const struct sp_sample *sample = &profile->samples.at[likely[i]];
        const uint32_t *stack = profile->sample_locations.at + sample->first_location;
        for (uint32_t frame = 0; frame < sample->n_locations && frame < PREFETCHED_FRAMES; frame += FRAMES_OF_LINE)
            __builtin_prefetch(&stack[frame]);
        __builtin_prefetch(&profile->values.at[(size_t)likely[i] * profile->sample_types.n], 1);
    }
}

void sp_profile_add_samples(struct sp_profile *profile, const struct sp_new_sample *samples, size_t n)
{
    uint64_t hashes[SP_NEW_SAMPLES_MAX];
    assert(n <= SP_NEW_SAMPLES_MAX);
    for (size_t i = 0; i < n; i++) {
        hashes[i] = sample_hash(samples[i].locations, samples[i].n_locations, samples[i].labels, samples[i].n_labels);
        sp_index_prefetch(profile->sample_index, hashes[i]);
    }
    prefetch_equals(profile, hashes, n);
    for (size_t i = 0; i < n && !profile->error; i++)
        add_hashed(profile, hashes[i], &samples[i]);
}

/* Forgets which samples are equal to which, as they have other places now. */
static void forget_samples(struct sp_profile *profile)
{
    struct sp_index *index = sp_index_new();
    if (!index) {
        sp_profile_fail(profile, -ENOMEM);
        return;
    }
    profile->memory_bytes -= sp_index_bytes(profile->sample_index) - sp_index_bytes(index);
    sp_index_free(profile->sample_index);
    profile->sample_index = index;
}

void sp_profile_replace_location(struct sp_profile *profile, size_t at, uint32_t location)
{
    profile->sample_locations.at[at] = location;
}

void sp_profile_drop_label(struct sp_profile *profile, uint32_t key)
{
    for (size_t i = 0; i < profile->samples.n; i++) {
        struct sp_sample *sample = &profile->samples.at[i];
        struct sp_label *labels = profile->labels.at + sample->first_label;
        uint32_t kept = 0;
        for (uint32_t k = 0; k < sample->n_labels; k++)
            if (labels[k].key != key)
                labels[kept++] = labels[k];
        sample->n_labels = kept;
    }
}

/* Copies a stack to sample_locations[to], in the middle of its new places. */
static void widen_stack(struct sp_profile *profile, struct sp_sample *sample, uint32_t n_leaves, uint32_t n_roots,
                        size_t to)
{
    uint32_t *stack = profile->sample_locations.at + to;
    memset(stack, 0, n_leaves * sizeof(*stack));
    if (sample->n_locations)
        memcpy(stack + n_leaves, profile->sample_locations.at + sample->first_location,
               sample->n_locations * sizeof(*stack));
    memset(stack + n_leaves + sample->n_locations, 0, n_roots * sizeof(*stack));
    sample->n_locations += n_leaves + n_roots;
}

void sp_profile_widen_stacks(struct sp_profile *profile, uint32_t n_leaves, uint32_t n_roots)
{
    size_t n = profile->sample_locations.n, added = 0;
    for (size_t i = 0; i < profile->samples.n; i++)
        added += (size_t)profile->samples.at[i].n_locations + n_leaves + n_roots;
    if (!SP_RESERVE(profile, profile->sample_locations, added))
        return;
    /* They are made behind the old ones, which may lie in any order, and then take their place. */
    size_t to = n;
    for (size_t i = 0; i < profile->samples.n; i++) {
        struct sp_sample *sample = &profile->samples.at[i];
        widen_stack(profile, sample, n_leaves, n_roots, to);
        sample->first_location = (uint32_t)(to - n);
        to += sample->n_locations;
    }
    if (added)
        memmove(profile->sample_locations.at, profile->sample_locations.at + n,
                added * sizeof(*profile->sample_locations.at));
    profile->sample_locations.n = added;
}

void sp_profile_keep_samples(struct sp_profile *profile, const bool *is_kept)
{
    size_t n_values = profile->sample_types.n, kept = 0;
    if (profile->error)
        return;
    for (size_t i = 0; i < profile->samples.n; i++) {
        if (!is_kept[i])
            continue;
        if (kept < i) {
            profile->samples.at[kept] = profile->samples.at[i];
            memcpy(profile->values.at + kept * n_values, profile->values.at + i * n_values,
                   n_values * sizeof(*profile->values.at));
        }
        kept++;
    }
    if (kept == profile->samples.n)
        return;
    profile->samples.n = kept;
    profile->values.n = kept * n_values;
    forget_samples(profile);
}
