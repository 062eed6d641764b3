/*
 * Which of a profile's sample types a user means.
 *
 * Place on the way of a sample: before reports. Rules and words are pprof's; in particular it cannot tell two sample
 * types of one name apart and leaves both out, so that numbers count the others.
 *
 * Context: ordinary code.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/report.h"

/* Whether no other sample type has this one's name. */
static bool is_unique_type(const struct sp_profile *profile, size_t index)
{
    for (size_t i = 0; i < profile->sample_types.n; i++) {
        if (i != index && profile->sample_types.at[i].type == profile->sample_types.at[index].type)
            return false;
    }
    return true;
}

/* The sample types that can be chosen: indexes into the profile's. */
struct choice {
    size_t *at, n;
};

static int list_choice(const struct sp_profile *profile, struct choice *choice)
{
    size_t n_all = profile->sample_types.n;
    choice->n = 0;
    choice->at = reallocarray(NULL, n_all + 1, sizeof(*choice->at));
    if (!choice->at)
        return -ENOMEM;
    for (size_t i = 0; i < n_all; i++) {
        if (is_unique_type(profile, i))
            choice->at[choice->n++] = i;
    }
    return 0;
}

/* The type that the profile asks for; otherwise the last, or the first where namesakes were left out. */
static size_t default_type(const struct sp_profile *profile, const struct choice *choice)
{
    for (size_t i = 0; i < choice->n; i++) {
        if (profile->default_sample_type != 0 &&
            profile->sample_types.at[choice->at[i]].type == profile->default_sample_type)
            return choice->at[i];
    }
    return choice->at[choice->n == profile->sample_types.n ? choice->n - 1 : 0];
}

/* Whether the text is a whole number, also one with a sign; one too large to count is not. */
static bool parse_number(const char *text, long long *number)
{
    const char *digits = text + (text[0] == '+' || text[0] == '-');
    if (digits[0] == '\0' || digits[strspn(digits, "0123456789")] != '\0')
        return false;
    errno = 0;
    *number = strtoll(text, NULL, 10);
    return errno == 0;
}

static int take_number(const struct choice *choice, const char *wanted, long long number, size_t *value_index,
                       char *why, size_t why_size)
{
    if (number < 0 || (unsigned long long)number >= choice->n) {
        snprintf(why, why_size, "sample_index %s is outside the range [0..%zu]", wanted, choice->n - 1);
        return -EINVAL;
    }
    *value_index = choice->at[number];
    return 0;
}

static const char *type_name(const struct sp_profile *profile, size_t index)
{
    return sp_profile_text(profile, profile->sample_types.at[index].type);
}

/* Names all types, as pprof does: `sample_index "x" must be one of: [samples cpu]`. */
static void complain(const struct sp_profile *profile, const struct choice *choice, const char *wanted, char *why,
                     size_t why_size)
{
    FILE *out = fmemopen(why, why_size, "w");
    if (!out)
        return;
    fprintf(out, "sample_index \"%s\" must be one of: [", wanted);
    for (size_t i = 0; i < choice->n; i++)
        fprintf(out, "%s%s", i ? " " : "", type_name(profile, choice->at[i]));
    fputc(']', out);
    fclose(out);
    why[why_size - 1] = '\0';
}

static int take_name(const struct sp_profile *profile, const struct choice *choice, const char *wanted,
                     size_t *value_index, char *why, size_t why_size)
{
    static const char prefix[] = "inuse_"; /* old spellings: inuse_space for space */
    size_t skipped = strncmp(wanted, prefix, strlen(prefix)) == 0 ? strlen(prefix) : 0;
    for (size_t i = 0; i < choice->n; i++) {
        const char *name = type_name(profile, choice->at[i]);
        if (strcmp(name, wanted) == 0 || strcmp(name, wanted + skipped) == 0) {
            *value_index = choice->at[i];
            return 0;
        }
    }
    complain(profile, choice, wanted, why, why_size);
    return -EINVAL;
}

int sp_report_find_value(const struct sp_profile *profile, const char *wanted, size_t *value_index, char *why,
                         size_t why_size)
{
    struct choice choice;
    long long number;
    int error = list_choice(profile, &choice);
    if (error)
        return error;
    if (choice.n == 0) {
        snprintf(why, why_size, "profile has no samples");
        error = -EINVAL;
    } else if (wanted[0] == '\0') {
        *value_index = default_type(profile, &choice);
    } else if (parse_number(wanted, &number)) {
        error = take_number(&choice, wanted, number, value_index, why, why_size);
    } else {
        error = take_name(profile, &choice, wanted, value_index, why, why_size);
    }
    free(choice.at);
    return error;
}
