/*
 * Which sample types profiles have in common, and in which units they are added up.
 *
 * Place on the way of a sample: part of merging, see merge.h. Profiles come one at a time, so the merged profile loses
 * a type, or changes to a finer unit, when the first profile comes that makes it necessary; then it is built again, as
 * if it had been so from the start.
 *
 * Context: ordinary code of one thread at a time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/measure.h"
#include "profile/merger.h"
#include "profile/scale.h"

enum { LIST_BYTES = 96 };

/* "cpu/nanoseconds". */
static void print_type(const struct sp_profile *profile, const struct sp_value_type *type, char *text, size_t size)
{
    snprintf(text, size, "%s/%s", sp_profile_text(profile, type->type), sp_profile_text(profile, type->unit));
}

/* "alloc_objects, alloc_space", cut where it gets too long. */
static void print_type_names(const struct sp_profile *profile, char text[LIST_BYTES])
{
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < profile->sample_types.n && at < LIST_BYTES; i++)
        at += (size_t)snprintf(text + at, LIST_BYTES - at, "%s%s", i ? ", " : "",
                               sp_profile_text(profile, profile->sample_types.at[i].type));
    if (at >= LIST_BYTES)
        strcpy(text + LIST_BYTES - 4, "...");
}

/* The only sample type of that name; SP_NONE when there is none or another. */
static uint32_t only_type(const struct sp_profile *profile, const char *name)
{
    uint32_t found = SP_NONE;
    for (uint32_t i = 0; i < profile->sample_types.n; i++) {
        if (strcmp(sp_profile_text(profile, profile->sample_types.at[i].type), name) != 0)
            continue;
        if (found != SP_NONE)
            return SP_NONE;
        found = i;
    }
    return found;
}

/* Fills `kept` with the positions of the merged types that stay, and merger->columns with the source's; how many. */
static size_t common_types(struct sp_merger *merger, uint32_t *kept)
{
    const struct sp_profile *merged = merger->merged;
    size_t n = 0;
    for (uint32_t i = 0; i < merged->sample_types.n; i++) {
        const char *name = sp_profile_text(merged, merged->sample_types.at[i].type);
        uint32_t column = only_type(merger->source, name);
        if (column == SP_NONE || only_type(merged, name) == SP_NONE)
            continue;
        kept[n] = i;
        merger->columns[n++] = column;
    }
    return n;
}

static int check_period_type(const struct sp_merger *merger, char *why, size_t why_size)
{
    const struct sp_profile *merged = merger->merged, *source = merger->source;
    const struct sp_value_type *a = &merged->period_type, *b = &source->period_type;
    if (strcmp(sp_profile_text(merged, a->type), sp_profile_text(source, b->type)) == 0 &&
        sp_units_are_comparable(sp_profile_text(merged, a->unit), sp_profile_text(source, b->unit)))
        return 0;
    char theirs[LIST_BYTES], its[LIST_BYTES];
    print_type(merged, a, theirs, sizeof theirs);
    print_type(source, b, its, sizeof its);
    snprintf(why, why_size, "its period is of %s, that of the profiles before it of %s: they do not add up", its,
             theirs);
    return -EINVAL;
}

static int check_units(const struct sp_merger *merger, const uint32_t *kept, size_t n, char *why, size_t why_size)
{
    const struct sp_profile *merged = merger->merged, *source = merger->source;
    for (size_t i = 0; i < n; i++) {
        const struct sp_value_type *a = &merged->sample_types.at[kept[i]];
        const struct sp_value_type *b = &source->sample_types.at[merger->columns[i]];
        if (sp_units_are_comparable(sp_profile_text(merged, a->unit), sp_profile_text(source, b->unit)))
            continue;
        char theirs[LIST_BYTES], its[LIST_BYTES];
        print_type(merged, a, theirs, sizeof theirs);
        print_type(source, b, its, sizeof its);
        snprintf(why, why_size, "its samples are %s, those of the profiles before it %s: they do not add up", its,
                 theirs);
        return -EINVAL;
    }
    return 0;
}

static int complain_of_types(const struct sp_merger *merger, char *why, size_t why_size)
{
    char theirs[LIST_BYTES], its[LIST_BYTES];
    print_type_names(merger->merged, theirs);
    print_type_names(merger->source, its);
    snprintf(why, why_size, "its sample types (%s) are none that all the profiles before it have (%s)", its, theirs);
    return -EINVAL;
}

/* By what values of `from` have to be multiplied to be of unit `to`. */
static double ratio_of(const char *from, const char *to)
{
    return strcmp(from, to) == 0 ? 1 : sp_scale(1, from, to).value;
}

/* Brings a unit and a value of the source and of the merged profile to the finer of both; returns the source's ratio.
 */
static double meet(struct sp_merger *merger, uint32_t *unit, uint32_t source_unit, double *merged_ratio)
{
    const char *theirs = sp_profile_text(merger->merged, *unit), *its = sp_profile_text(merger->source, source_unit);
    double ratio = ratio_of(its, theirs);
    *merged_ratio = 1;
    if (!(ratio < 1))
        return ratio;
    *merged_ratio = ratio_of(theirs, its);
    *unit = sp_profile_string(merger->merged, its);
    return 1;
}

/* Whether the merged values changed, so that the merged profile has to be built again. */
static bool meet_units(struct sp_merger *merger, double *merged_ratios)
{
    struct sp_profile *merged = merger->merged;
    bool has_changed = false;
    merger->has_ratios = false;
    for (size_t i = 0; i < merged->sample_types.n; i++) {
        uint32_t its = merger->source->sample_types.at[merger->columns[i]].unit;
        merger->ratios[i] = meet(merger, &merged->sample_types.at[i].unit, its, &merged_ratios[i]);
        merger->has_ratios = merger->has_ratios || merger->ratios[i] != 1;
        has_changed = has_changed || merged_ratios[i] != 1;
    }
    sp_profile_scale_each(merged, merged_ratios);
    double ratio;
    meet(merger, &merged->period_type.unit, merger->source->period_type.unit, &ratio);
    if (ratio != 1)
        merged->period = sp_truncated((double)merged->period * ratio);
    return has_changed;
}

/*
 * Merges the merged profile into an empty one, so that nothing of what has become zero is left. Facts keep their
 * places.
 */
static int build_again(struct sp_merger *merger)
{
    struct sp_merger *fresh = sp_merger_new();
    int error = fresh ? sp_merger_add(fresh, merger->merged, NULL, 0) : -ENOMEM;
    if (!error) {
        const struct sp_merger old = *merger;
        merger->first_default = sp_profile_string(fresh->merged, sp_profile_text(old.merged, old.first_default));
        merger->merged = fresh->merged;
        merger->indexes = fresh->indexes;
        fresh->merged = old.merged;
        fresh->indexes = old.indexes;
        memset(merger->maps.strings, 0xff, merger->source->strings.n * sizeof *merger->maps.strings); /* SP_NONE */
        error = merger->merged->error;
    }
    sp_merger_free(fresh);
    return error;
}

static int apply(struct sp_merger *merger, const uint32_t *kept, size_t n)
{
    double *merged_ratios = calloc(n + 1, sizeof *merged_ratios);
    if (!merged_ratios)
        return -ENOMEM;
    bool has_changed = n != merger->merged->sample_types.n;
    if (has_changed) {
        sp_profile_keep_types(merger->merged, kept, n);
        merger->has_dropped_types = true;
    }
    has_changed = meet_units(merger, merged_ratios) || has_changed;
    free(merged_ratios);
    return has_changed ? build_again(merger) : merger->merged->error;
}

/* The first profile's types are all taken, even such of the same name. */
static int take_types(struct sp_merger *merger)
{
    const struct sp_profile *source = merger->source;
    struct sp_profile *merged = merger->merged;
    for (uint32_t i = 0; i < source->sample_types.n; i++) {
        const struct sp_value_type *type = &source->sample_types.at[i];
        sp_profile_add_sample_type(merged, sp_profile_text(source, type->type), sp_profile_text(source, type->unit));
        merger->columns[i] = i;
        merger->ratios[i] = 1;
    }
    merger->has_ratios = false;
    merged->period_type.type = sp_merger_string(merger, source->period_type.type);
    merged->period_type.unit = sp_merger_string(merger, source->period_type.unit);
    return merged->error;
}

int sp_merger_match_types(struct sp_merger *merger, char *why, size_t why_size)
{
    if (merger->n_profiles == 0)
        return take_types(merger);
    uint32_t *kept = calloc(merger->merged->sample_types.n + 1, sizeof *kept);
    if (!kept)
        return -ENOMEM;
    size_t n = common_types(merger, kept);
    int error = n ? check_units(merger, kept, n, why, why_size) : complain_of_types(merger, why, why_size);
    if (!error)
        error = check_period_type(merger, why, why_size);
    if (!error)
        error = apply(merger, kept, n);
    free(kept);
    return error;
}
