/*
 * What go tool pprof does to each profile on reading it. See merge.h.
 *
 * Place on the way of a sample: formats → profile → *this* → select, merge or report.
 * Context: ordinary code of one thread at a time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "profile/merger.h"

void sp_profile_ensure_mapping(struct sp_profile *profile)
{
    if (profile->mappings.n > 0)
        return;
    sp_profile_add_mapping(profile, &(struct sp_mapping){0});
    for (size_t i = 0; !profile->error && i < profile->locations.n; i++)
        profile->locations.at[i].mapping = 0;
}

static bool is_doubled(const struct sp_profile *profile, size_t type)
{
    for (size_t i = 0; i < profile->sample_types.n; i++)
        if (i != type && profile->sample_types.at[i].type == profile->sample_types.at[type].type)
            return true;
    return false;
}

void sp_profile_keep_types(struct sp_profile *profile, const uint32_t *kept, size_t n)
{
    size_t n_before = profile->sample_types.n;
    for (size_t i = 0; i < profile->samples.n; i++)
        for (size_t k = 0; k < n; k++)
            profile->values.at[i * n + k] = profile->values.at[i * n_before + kept[k]];
    for (size_t k = 0; k < n; k++)
        profile->sample_types.at[k] = profile->sample_types.at[kept[k]];
    profile->sample_types.n = n;
    profile->values.n = profile->samples.n * n;
}

uint32_t sp_profile_settled_default(const struct sp_profile *profile, uint32_t wanted)
{
    for (size_t i = 0; i < profile->sample_types.n; i++)
        if (profile->sample_types.at[i].type == wanted)
            return wanted;
    return profile->sample_types.at[0].type;
}

int sp_profile_drop_doubled_types(struct sp_profile *profile, char *why, size_t why_size)
{
    size_t n = 0, n_before = profile->sample_types.n;
    uint32_t *kept = calloc(n_before + 1, sizeof *kept);
    if (!kept) {
        snprintf(why, why_size, "there is not enough memory to read it");
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < n_before; i++)
        if (!is_doubled(profile, i))
            kept[n++] = i;
    if (n == 0)
        snprintf(why, why_size,
                 n_before ? "its sample types all have the same name as another" : "its samples have no type");
    if (n > 0 && n < n_before) {
        sp_profile_keep_types(profile, kept, n);
        profile->default_sample_type = sp_profile_settled_default(profile, profile->default_sample_type);
    }
    free(kept);
    return n ? 0 : -EINVAL;
}
