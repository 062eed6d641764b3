/*
 * Whether a profile holds together: every index in range, every list inside its array.
 *
 * Place on the way of a sample: asked by writers before they trust the arrays, and by tests.
 * Context: ordinary code.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "profile/profile.h"

struct complaint {
    char *why;
    size_t size;
};

/* Writes the sentence; always false, so that a check can end with it. */
__attribute__((format(printf, 2, 3))) static bool complain(const struct complaint *to, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (to->size)
        vsnprintf(to->why, to->size, format, arguments);
    va_end(arguments);
    return false;
}

static bool is_string(const struct sp_profile *profile, uint32_t index)
{
    return index < profile->strings.n;
}

/* Whether [first, first + n) lies in an array of `size` items. An empty list may stand anywhere. */
static bool is_inside(uint32_t first, uint32_t n, size_t size)
{
    return n == 0 || (first <= size && n <= size - first);
}

static bool check_header(const struct sp_profile *profile, const struct complaint *to)
{
    if (profile->strings.n == 0 || profile->strings.at[0][0] != '\0')
        return complain(to, "string 0 is not empty");
    const uint32_t strings[] = {profile->period_type.type, profile->period_type.unit,    profile->drop_frames,
                                profile->keep_frames,      profile->default_sample_type, profile->doc_url};
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        if (!is_string(profile, strings[i]))
            return complain(to, "a header field refers to string %" PRIu32 " of %zu", strings[i], profile->strings.n);
    }
    for (size_t i = 0; i < profile->sample_types.n; i++) {
        const struct sp_value_type *type = &profile->sample_types.at[i];
        if (!is_string(profile, type->type) || !is_string(profile, type->unit))
            return complain(to, "sample type %zu refers to a string that does not exist", i);
    }
    for (size_t i = 0; i < profile->comments.n; i++) {
        if (!is_string(profile, profile->comments.at[i]))
            return complain(to, "comment %zu refers to a string that does not exist", i);
    }
    return true;
}

static bool check_mappings(const struct sp_profile *profile, const struct complaint *to)
{
    for (size_t i = 0; i < profile->mappings.n; i++) {
        const struct sp_mapping *mapping = &profile->mappings.at[i];
        if (!is_string(profile, mapping->file) || !is_string(profile, mapping->build_id))
            return complain(to, "mapping %zu refers to a string that does not exist", i);
    }
    return true;
}

static bool check_functions(const struct sp_profile *profile, const struct complaint *to)
{
    for (size_t i = 0; i < profile->functions.n; i++) {
        const struct sp_function *function = &profile->functions.at[i];
        if (!is_string(profile, function->name) || !is_string(profile, function->system_name) ||
            !is_string(profile, function->filename))
            return complain(to, "function %zu refers to a string that does not exist", i);
    }
    return true;
}

static bool check_locations(const struct sp_profile *profile, const struct complaint *to)
{
    for (size_t i = 0; i < profile->locations.n; i++) {
        const struct sp_location *location = &profile->locations.at[i];
        if (location->mapping != SP_NONE && location->mapping >= profile->mappings.n)
            return complain(to, "location %zu refers to mapping %" PRIu32 " of %zu", i, location->mapping,
                            profile->mappings.n);
        if (!is_inside(location->first_line, location->n_lines, profile->lines.n))
            return complain(to, "the lines of location %zu lie outside the list of lines", i);
        for (uint32_t line = 0; line < location->n_lines; line++) {
            uint32_t function = profile->lines.at[location->first_line + line].function;
            if (function != SP_NONE && function >= profile->functions.n)
                return complain(to, "location %zu refers to function %" PRIu32 " of %zu", i, function,
                                profile->functions.n);
        }
    }
    return true;
}

static bool check_labels(const struct sp_profile *profile, const struct complaint *to)
{
    for (size_t i = 0; i < profile->labels.n; i++) {
        const struct sp_label *label = &profile->labels.at[i];
        if (!is_string(profile, label->key) || !is_string(profile, label->str) || !is_string(profile, label->unit))
            return complain(to, "label %zu refers to a string that does not exist", i);
    }
    return true;
}

static bool check_samples(const struct sp_profile *profile, const struct complaint *to)
{
    size_t n_values;
    if (profile->samples.n > 0 && profile->sample_types.n == 0)
        return complain(to, "there are samples but no sample types");
    if (__builtin_mul_overflow(profile->samples.n, profile->sample_types.n, &n_values) || n_values != profile->values.n)
        return complain(to, "%zu samples of %zu types have %zu values", profile->samples.n, profile->sample_types.n,
                        profile->values.n);
    for (size_t i = 0; i < profile->samples.n; i++) {
        const struct sp_sample *sample = &profile->samples.at[i];
        if (!is_inside(sample->first_location, sample->n_locations, profile->sample_locations.n))
            return complain(to, "the stack of sample %zu lies outside the list of stacks", i);
        if (!is_inside(sample->first_label, sample->n_labels, profile->labels.n))
            return complain(to, "the labels of sample %zu lie outside the list of labels", i);
    }
    for (size_t i = 0; i < profile->sample_locations.n; i++) {
        if (profile->sample_locations.at[i] >= profile->locations.n)
            return complain(to, "a stack refers to location %" PRIu32 " of %zu", profile->sample_locations.at[i],
                            profile->locations.n);
    }
    return true;
}

static bool check_facts(const struct sp_profile *profile, const struct complaint *to)
{
    for (size_t i = 0; i < profile->facts.n; i++) {
        const struct sp_fact *fact = &profile->facts.at[i];
        if (!is_string(profile, fact->key) || !is_string(profile, fact->text))
            return complain(to, "fact %zu refers to a string that does not exist", i);
    }
    return true;
}

static bool check_accounts(const struct sp_profile *profile, const struct complaint *to)
{
    for (size_t i = 0; i < profile->accounts.n; i++) {
        const struct sp_account *account = &profile->accounts.at[i];
        if (!is_string(profile, account->process) || !is_string(profile, account->thread) ||
            !is_string(profile, account->reason))
            return complain(to, "account %zu refers to a string that does not exist", i);
        if (account->pid < 0 || account->tid < 0)
            return complain(to, "account %zu has a negative pid or tid", i);
        if (account->kernel_ns < 0 || account->recorded_ns < 0 || account->unsampled_ns < 0)
            return complain(to, "account %zu has a negative time", i);
    }
    return true;
}

int sp_profile_check(const struct sp_profile *profile, char *why, size_t why_size)
{
    const struct complaint to = {why, why_size};
    bool is_good = check_header(profile, &to) && check_mappings(profile, &to) && check_functions(profile, &to) &&
                   check_locations(profile, &to) && check_labels(profile, &to) && check_samples(profile, &to) &&
                   check_facts(profile, &to) && check_accounts(profile, &to);
    return is_good ? 0 : -EINVAL;
}
