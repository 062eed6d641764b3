/*
 * Facts about a recording, and accounts of CPU time: what pprof's nouns have no place for.
 *
 * Place on the way of a sample: beside it; the collector writes them, formats keep them, reports show them. There are
 * some dozens of facts, so they are searched one by one.
 * Context: ordinary code of one thread at a time.
 */
#include <string.h>

#include "profile/grow.h"
#include "profile/profile.h"

const struct sp_fact *sp_profile_fact(const struct sp_profile *profile, const char *key)
{
    for (size_t i = 0; i < profile->facts.n; i++)
        if (strcmp(sp_profile_text(profile, profile->facts.at[i].key), key) == 0)
            return &profile->facts.at[i];
    return NULL;
}

void sp_profile_append_fact(struct sp_profile *profile, const struct sp_fact *fact)
{
    if (SP_RESERVE(profile, profile->facts, 1))
        profile->facts.at[profile->facts.n++] = *fact;
}

void sp_profile_set_fact(struct sp_profile *profile, const char *key, int64_t value, const char *text)
{
    const struct sp_fact fact = {
        .key = sp_profile_string(profile, key), .text = sp_profile_string(profile, text), .value = value};
    const struct sp_fact *known = sp_profile_fact(profile, key);
    if (known == NULL)
        sp_profile_append_fact(profile, &fact);
    else if (!profile->error)
        profile->facts.at[known - profile->facts.at] = fact;
}

void sp_profile_add_account(struct sp_profile *profile, const struct sp_account *account)
{
    if (SP_RESERVE(profile, profile->accounts, 1))
        profile->accounts.at[profile->accounts.n++] = *account;
}
