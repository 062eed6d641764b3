/*
 * How much samples weigh. See diff_weights.h.
 * Context: ordinary code.
 */
#include "report/diff_weights.h"

#include <math.h>
#include <string.h>

#include "report/report.h"

static bool is_count_of_samples(const struct sp_profile *profile, size_t index)
{
    const struct sp_value_type *type = &profile->sample_types.at[index];
    const char *name = sp_profile_text(profile, type->type);
    return (strcmp(name, "samples") == 0 || strcmp(name, "sample") == 0) &&
           strcmp(sp_profile_text(profile, type->unit), "count") == 0;
}

/* How many samples of ours there are, and how many periods they stand for: whether the profile says so. */
static bool find_recorded(const struct sp_profile *profile, double *n_samples, double *n_periods)
{
    const struct sp_fact *n = sp_profile_fact(profile, "recorded.count");
    const struct sp_fact *weight = sp_profile_fact(profile, "recorded.weight");
    if (!n || !weight || n->value <= 0 || weight->value < n->value)
        return false;
    *n_samples = (double)n->value;
    *n_periods = (double)weight->value;
    return true;
}

/*
 * How many periods a sample of ours stands for. Where it is two or more on average, the timer fired more often than the
 * kernel looks at it, and weights vary little around the average, since it is the ratio of two clocks. Where it is
 * less, nearly all stand for one, and a few for many: see sp_diff_heavy.
 */
static double periods_of_each(const struct sp_profile *profile)
{
    double n_samples, n_periods;
    if (!find_recorded(profile, &n_samples, &n_periods) || n_periods < 2 * n_samples)
        return 1;
    return n_periods / n_samples;
}

double sp_diff_heavy(const struct sp_profile *profile, double whole)
{
    double n_samples, n_periods;
    const struct sp_fact *heaviest = sp_profile_fact(profile, "collected.heaviest");
    if (!find_recorded(profile, &n_samples, &n_periods) || n_periods >= 2 * n_samples)
        return 0;
    double beyond = n_periods - n_samples;
    if (heaviest && heaviest->value > 0 && (double)heaviest->value - 1 < beyond)
        beyond = (double)heaviest->value - 1;
    return beyond / n_periods * fabs(whole);
}

struct sp_diff_weighing sp_diff_weigh(const struct sp_profile *profile, size_t value_index)
{
    struct sp_diff_weighing weighing = {.profile = profile,
                                        .value_index = value_index,
                                        .count_index = SP_NO_VALUE,
                                        .periods_each = periods_of_each(profile)};
    const struct sp_value_type *type = &profile->sample_types.at[value_index];
    for (size_t i = profile->sample_types.n; i-- > 0;) {
        if (is_count_of_samples(profile, i))
            weighing.count_index = i;
    }
    /* Only time is sampled at a period in this sense: a heap's samples are scaled already, by their sizes. */
    if (type->type == profile->period_type.type && type->unit == profile->period_type.unit &&
        strcmp(sp_profile_text(profile, type->unit), "nanoseconds") == 0 && profile->period > 0)
        weighing.period = (double)profile->period;
    return weighing;
}

enum sp_diff_errors sp_diff_errors_of(const struct sp_diff_weighing *weighing)
{
    if (weighing->count_index != SP_NO_VALUE)
        return SP_ERRORS_BY_COUNT;
    return weighing->period > 0 ? SP_ERRORS_BY_PERIOD : SP_ERRORS_UNKNOWN;
}

double sp_diff_sample_value(const struct sp_diff_weighing *weighing, size_t i)
{
    const struct sp_profile *profile = weighing->profile;
    return (double)profile->values.at[i * profile->sample_types.n + weighing->value_index];
}

/* Of n of weight w each, n w². */
double sp_diff_sample_variance(const struct sp_diff_weighing *weighing, size_t i)
{
    const struct sp_profile *profile = weighing->profile;
    double value = sp_diff_sample_value(weighing, i);
    if (weighing->count_index == SP_NO_VALUE)
        return fabs(value) * weighing->period * weighing->periods_each;
    double n = fabs((double)profile->values.at[i * profile->sample_types.n + weighing->count_index]);
    return value * value / fmax(n, 1) * weighing->periods_each;
}

struct sp_diff_whole sp_diff_sum(const struct sp_diff_weighing *weighing)
{
    struct sp_diff_whole whole = {0};
    for (size_t i = 0; i < weighing->profile->samples.n; i++) {
        whole.value += sp_diff_sample_value(weighing, i);
        whole.variance += sp_diff_sample_variance(weighing, i);
    }
    return whole;
}

int sp_diff_measure(const struct sp_profile *profile, const char *sample_type, struct sp_diff_whole *whole, char *why,
                    size_t why_size)
{
    size_t value_index;
    int error = sp_report_find_value(profile, sample_type, &value_index, why, why_size);
    if (error)
        return error;
    const struct sp_diff_weighing weighing = sp_diff_weigh(profile, value_index);
    *whole = sp_diff_sum(&weighing);
    return 0;
}

void sp_diff_why_unknown(const struct sp_diff *diff, char reason[SP_DIFF_REASON_BYTES])
{
    const bool is_old = diff->errors_of[SP_OLD] == SP_ERRORS_UNKNOWN,
               is_new = diff->errors_of[SP_NEW] == SP_ERRORS_UNKNOWN;
    snprintf(reason, SP_DIFF_REASON_BYTES,
             "nothing says how many independent samples %s of %s stands for (there is no samples/count, and no period "
             "of it in nanoseconds)",
             diff->type,
             is_old && is_new ? "OLD and NEW"
             : is_old         ? "OLD"
                              : "NEW");
}
