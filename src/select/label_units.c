/*
 * What numeric labels are measured in, by key: the first unit that a sample gives it, or what its name says.
 *
 * Representation: an array over the profile's strings, as keys are strings; of each the unit's string. Units that a key
 * also has, and that are not used, are kept for the warning.
 *
 * Place on the way of a sample: see selection.h. Context: ordinary code of one thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/index.h"
#include "select/labels.h"
#include "select/selection.h"
#include "util/hash.h"

/* At most so many lines of warning, and so many units in each: a profile may be anybody's. */
enum { MOST_WARNINGS = 32, MOST_UNITS = 32 };

struct other_unit {
    uint32_t key, unit;
};

struct sp_label_units {
    const struct sp_profile *profile;
    uint32_t *unit; /* by key: a string; "" where no number has that key, SP_NONE where it has no unit */
    size_t n;
    struct other_unit *others; /* no two are the same */
    size_t n_others, others_capacity;
    struct sp_index *index; /* of others */
};

static bool is_known(const struct sp_label_units *units, uint64_t hash, const struct sp_label *label)
{
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(units->index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(units->index, &probe)) {
        if (units->others[i].key == label->key && units->others[i].unit == label->unit)
            return true;
    }
    return false;
}

static int add_other(struct sp_label_units *units, const struct sp_label *label)
{
    uint64_t hash = sp_hash_word(sp_hash_seed(), (uint64_t)label->key << 32 | label->unit);
    if (is_known(units, hash, label))
        return 0;
    if (units->n_others == units->others_capacity) {
        size_t larger = units->others_capacity ? units->others_capacity * 2 : 16;
        struct other_unit *moved = realloc(units->others, larger * sizeof(*moved));
        if (!moved)
            return -ENOMEM;
        units->others = moved;
        units->others_capacity = larger;
    }
    if (sp_index_put(units->index, hash, (uint32_t)units->n_others) != 0)
        return -ENOMEM;
    units->others[units->n_others++] = (struct other_unit){label->key, label->unit};
    return 0;
}

static int see_label(struct sp_label_units *units, const struct sp_label *label)
{
    uint32_t *unit = &units->unit[label->key];
    if (*unit == 0)
        *unit = SP_NONE;
    if (label->unit == 0 || label->unit == *unit)
        return 0;
    if (*unit != SP_NONE)
        return add_other(units, label);
    *unit = label->unit;
    return 0;
}

static int see_all(struct sp_label_units *units)
{
    const struct sp_profile *profile = units->profile;
    for (size_t i = 0; i < profile->samples.n; i++) {
        const struct sp_sample *sample = &profile->samples.at[i];
        for (uint32_t k = 0; k < sample->n_labels; k++) {
            const struct sp_label *label = &profile->labels.at[sample->first_label + k];
            int error = sp_label_is_number(label) ? see_label(units, label) : 0;
            if (error)
                return error;
        }
    }
    return 0;
}

struct sp_label_units *sp_label_units_new(const struct sp_profile *profile)
{
    struct sp_label_units *units = calloc(1, sizeof(*units));
    if (!units)
        return NULL;
    units->profile = profile;
    units->n = profile->strings.n;
    units->unit = calloc(units->n, sizeof(*units->unit));
    units->index = sp_index_new();
    if (!units->unit || !units->index || see_all(units) != 0) {
        sp_label_units_free(units);
        return NULL;
    }
    return units;
}

void sp_label_units_free(struct sp_label_units *units)
{
    if (!units)
        return;
    free(units->unit);
    free(units->others);
    sp_index_free(units->index);
    free(units);
}

const char *sp_label_unit(const struct sp_label_units *units, uint32_t key)
{
    uint32_t unit = key < units->n ? units->unit[key] : 0;
    if (unit != SP_NONE)
        return sp_profile_text(units->profile, unit);
    const char *name = sp_profile_text(units->profile, key);
    return strcmp(name, "alignment") == 0 || strcmp(name, "request") == 0 ? "bytes" : name;
}

static int compare_others(const void *first, const void *second, void *profile)
{
    const struct other_unit *a = first, *b = second;
    int order = strcmp(sp_profile_text(profile, a->key), sp_profile_text(profile, b->key));
    return order ? order : strcmp(sp_profile_text(profile, a->unit), sp_profile_text(profile, b->unit));
}

/* Says what the units of one key are: those at others[0..n). */
static void warn_of_key(const struct sp_label_units *units, const struct other_unit *others, size_t n,
                        const struct sp_notes *notes)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return;
    fprintf(out, "For tag %s used unit %s, also encountered unit(s) ", sp_profile_text(units->profile, others->key),
            sp_label_unit(units, others->key));
    for (size_t i = 0; i < n && i < MOST_UNITS; i++)
        fprintf(out, "%s%s", i ? ", " : "", sp_profile_text(units->profile, others[i].unit));
    if (n > MOST_UNITS)
        fprintf(out, " and %zu more", n - MOST_UNITS);
    if (fclose(out) == 0)
        sp_note(notes, text);
    free(text);
}

void sp_label_units_warn(struct sp_label_units *units, const struct sp_notes *notes)
{
    if (units->n_others == 0)
        return;
    qsort_r(units->others, units->n_others, sizeof(*units->others), compare_others, (void *)(uintptr_t)units->profile);
    size_t n_warnings = 0;
    for (size_t first = 0, end; first < units->n_others && n_warnings < MOST_WARNINGS; first = end, n_warnings++) {
        for (end = first + 1; end < units->n_others && units->others[end].key == units->others[first].key;)
            end++;
        warn_of_key(units, units->others + first, end - first, notes);
    }
    units->n_others = 0; /* said, and no longer in the order of the index */
}
