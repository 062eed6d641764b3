/*
 * Scaling of values. See scale.h.
 * Context: ordinary code of one thread at a time.
 */
#include "profile/scale.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/grow.h"
#include "profile/measure.h"

/* Doubles from here on are whole numbers. */
#define LEAST_WHOLE 0x1p52

int64_t sp_scaled_value(int64_t value, double ratio)
{
    double product = (double)value * ratio;
    if (!(product > -LEAST_WHOLE && product < LEAST_WHOLE))
        return sp_truncated(product);
    int64_t whole = (int64_t)product;
    double rest = product - (double)whole;
    return whole + (rest >= 0.5) - (rest <= -0.5);
}

/* Scales the values of a sample: whether one that changed is not 0. */
static bool scale_sample(int64_t *values, const double *ratios, size_t n)
{
    bool is_kept = false;
    for (size_t i = 0; i < n; i++) {
        if (ratios[i] == 1)
            continue;
        values[i] = sp_scaled_value(values[i], ratios[i]);
        is_kept = is_kept || values[i] != 0;
    }
    return is_kept;
}

void sp_profile_scale_each(struct sp_profile *profile, const double *ratios)
{
    size_t n_types = profile->sample_types.n, n_kept = 0, type = 0;
    while (type < n_types && ratios[type] == 1)
        type++;
    if (type == n_types)
        return;
    for (size_t i = 0; i < profile->samples.n; i++) {
        int64_t *values = profile->values.at + i * n_types;
        if (!scale_sample(values, ratios, n_types))
            continue;
        profile->samples.at[n_kept] = profile->samples.at[i];
        memmove(profile->values.at + n_kept * n_types, values, n_types * sizeof *values);
        n_kept++;
    }
    profile->samples.n = n_kept;
    profile->values.n = n_kept * n_types;
}

int sp_profile_scale(struct sp_profile *profile, double ratio)
{
    double *ratios = calloc(profile->sample_types.n + 1, sizeof *ratios);
    if (!ratios)
        return -ENOMEM;
    for (size_t i = 0; i < profile->sample_types.n; i++)
        ratios[i] = ratio;
    sp_profile_scale_each(profile, ratios);
    free(ratios);
    return 0;
}

/* The sum of a type's values, modulo 2^64 as in Go. */
static int64_t sum_of(const struct sp_profile *profile, size_t type)
{
    int64_t sum = 0;
    for (size_t i = type; i < profile->values.n; i += profile->sample_types.n)
        sum = sp_wrapping_sum(sum, profile->values.at[i]);
    return sum;
}

static bool is_same_type(const struct sp_profile *a, const struct sp_value_type *type, const struct sp_profile *b,
                         const struct sp_value_type *other)
{
    return strcmp(sp_profile_text(a, type->type), sp_profile_text(b, other->type)) == 0 &&
           strcmp(sp_profile_text(a, type->unit), sp_profile_text(b, other->unit)) == 0;
}

static int complain(char *why, size_t why_size, const char *what)
{
    snprintf(why, why_size, "its %s types are not those of the base: the two cannot be brought to the same sums", what);
    return -EINVAL;
}

int sp_profile_normalize(struct sp_profile *profile, const struct sp_profile *base, char *why, size_t why_size)
{
    size_t n = profile->sample_types.n;
    if (!is_same_type(profile, &profile->period_type, base, &base->period_type))
        return complain(why, why_size, "period");
    bool is_same = n == base->sample_types.n;
    for (size_t i = 0; is_same && i < n; i++)
        is_same = is_same_type(profile, &profile->sample_types.at[i], base, &base->sample_types.at[i]);
    if (!is_same)
        return complain(why, why_size, "sample");
    double *ratios = calloc(n + 1, sizeof *ratios);
    if (!ratios) {
        snprintf(why, why_size, "there is not enough memory to normalize it");
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        int64_t sum = sum_of(profile, i);
        ratios[i] = sum ? (double)sum_of(base, i) / (double)sum : 0;
    }
    sp_profile_scale_each(profile, ratios);
    free(ratios);
    return 0;
}

/* Appends a sample's labels, but for texts under the new label's key, and then the new label, to the list. */
static void relabel(struct sp_profile *profile, struct sp_sample *sample, const struct sp_label *added)
{
    size_t first = profile->labels.n;
    for (uint32_t i = 0; i < sample->n_labels; i++) {
        const struct sp_label label = profile->labels.at[sample->first_label + i];
        if (label.key != added->key || label.str == 0)
            profile->labels.at[profile->labels.n++] = label;
    }
    profile->labels.at[profile->labels.n++] = *added;
    sample->first_label = (uint32_t)first;
    sample->n_labels = (uint32_t)(profile->labels.n - first);
}

int sp_profile_set_label(struct sp_profile *profile, const char *key, const char *value)
{
    const struct sp_label added = {.key = sp_profile_string(profile, key), .str = sp_profile_string(profile, value)};
    for (size_t i = 0; i < profile->samples.n; i++) {
        struct sp_sample *sample = &profile->samples.at[i];
        if (!SP_RESERVE(profile, profile->labels, sample->n_labels + (size_t)1))
            break;
        relabel(profile, sample, &added);
    }
    return profile->error;
}
