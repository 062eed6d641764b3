/*
 * Whether addresses of two profiles can be compared: they can where both are of the same builds. See diff_rows.h.
 *
 * What is called alike on both sides and has no build in common makes all its addresses vanish on one side and appear
 * on the other, which would say nothing. What only one side has is no matter.
 *
 * Context: ordinary code of one thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/diff_rows.h"
#include "report/names.h"

struct build {
    const char *name;     /* of the file, without folders */
    const char *identity; /* its build id; its path where it has none */
};

struct builds {
    struct build *at; /* by name, then by identity */
    size_t n;
};

/* Which mappings samples are in: to be freed; NULL when there is no memory. */
static bool *find_used(const struct sp_profile *profile)
{
    bool *is_used = calloc(profile->mappings.n + 1, sizeof(*is_used));
    for (size_t i = 0; is_used && i < profile->samples.n; i++) {
        const struct sp_sample *sample = &profile->samples.at[i];
        for (uint32_t depth = 0; depth < sample->n_locations; depth++) {
            const uint32_t location = profile->sample_locations.at[sample->first_location + depth];
            const uint32_t mapping = profile->locations.at[location].mapping;
            if (mapping != SP_NONE)
                is_used[mapping] = true;
        }
    }
    return is_used;
}

static int compare_builds(const void *a, const void *b)
{
    const struct build *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    return order ? order : strcmp(left->identity, right->identity);
}

/* Lists the programs and libraries that samples are in; not what no file backs, "[vdso]". 0 or -ENOMEM. */
static int list(const struct sp_profile *profile, struct builds *builds)
{
    bool *is_used = find_used(profile);
    builds->at = reallocarray(NULL, profile->mappings.n + 1, sizeof(*builds->at));
    for (size_t i = 0; is_used && builds->at && i < profile->mappings.n; i++) {
        const struct sp_mapping *mapping = &profile->mappings.at[i];
        const char *file = sp_profile_text(profile, mapping->file);
        size_t length;
        if (is_used[i] && file[0] != '\0' && file[0] != '[')
            builds->at[builds->n++] =
                (struct build){sp_base_name(file, &length), sp_profile_text(profile, sp_mapping_identity(mapping))};
    }
    const int error = is_used && builds->at ? 0 : -ENOMEM;
    free(is_used);
    if (builds->n > 1)
        qsort(builds->at, builds->n, sizeof(*builds->at), compare_builds);
    return error;
}

/* How many builds from `first` on have its name. */
static size_t n_of_name(const struct builds *builds, size_t first)
{
    size_t n = 1;
    while (first + n < builds->n && strcmp(builds->at[first].name, builds->at[first + n].name) == 0)
        n++;
    return n;
}

/* Whether two sorted lists have an identity in common. */
static bool have_common(const struct build *old, size_t n_old, const struct build *new, size_t n_new)
{
    for (size_t o = 0, n = 0; o < n_old && n < n_new;) {
        const int order = strcmp(old[o].identity, new[n].identity);
        if (order == 0)
            return true;
        if (order < 0)
            o++;
        else
            n++;
    }
    return false;
}

/* The first name of both sides whose builds are all different; NULL when there is none. */
static const char *find_rebuilt(const struct builds *old, const struct builds *new)
{
    for (size_t o = 0, n = 0; o < old->n && n < new->n;) {
        const int order = strcmp(old->at[o].name, new->at[n].name);
        const size_t n_old = n_of_name(old, o), n_new = n_of_name(new, n);
        if (order == 0 && !have_common(old->at + o, n_old, new->at + n, n_new))
            return old->at[o].name;
        o += order <= 0 ? n_old : 0;
        n += order >= 0 ? n_new : 0;
    }
    return NULL;
}

int sp_diff_check_builds(struct sp_profile *const profiles[SP_N_SIDES], char *why, size_t why_size)
{
    struct builds builds[SP_N_SIDES] = {0};
    int error = list(profiles[SP_OLD], &builds[SP_OLD]);
    if (!error)
        error = list(profiles[SP_NEW], &builds[SP_NEW]);
    const char *rebuilt = error ? NULL : find_rebuilt(&builds[SP_OLD], &builds[SP_NEW]);
    if (rebuilt) {
        snprintf(why, why_size,
                 "OLD and NEW have different builds of %s: their addresses cannot be compared, lines can", rebuilt);
        error = -EINVAL;
    }
    free(builds[SP_OLD].at);
    free(builds[SP_NEW].at);
    return error;
}
