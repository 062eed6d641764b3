/*
 * What all reports share: the total, the choice of a sample type, values as they are shown. See report.h.
 * Context: ordinary code of one thread.
 */
#include "report/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/measure.h"

/* The index of a string of the profile, SP_NONE where it has no such string. */
static uint32_t find_string(const struct sp_profile *profile, const char *text)
{
    for (size_t i = 0; i < profile->strings.n; i++) {
        if (strcmp(profile->strings.at[i], text) == 0)
            return (uint32_t)i;
    }
    return SP_NONE;
}

static bool has_label(const struct sp_profile *profile, const struct sp_sample *sample, uint32_t key, uint32_t value)
{
    const struct sp_label *labels = profile->labels.at + sample->first_label;
    for (uint32_t i = 0; i < sample->n_labels; i++) {
        if (labels[i].key == key && labels[i].str == value)
            return true;
    }
    return false;
}

/* A sum and what it is to be divided by. */
struct sum {
    int64_t value, divisor;
};

static void add_to_sum(struct sum *sum, int64_t value, int64_t divisor)
{
    sum->value = sp_wrapping_sum(sum->value, value);
    sum->divisor = sp_wrapping_sum(sum->divisor, divisor);
}

/* The sum of the magnitudes of all samples; in a difference, of the base's alone: pprof marks those. */
static int64_t total_of(const struct sp_report *report)
{
    const struct sp_profile *profile = report->profile;
    uint32_t key = find_string(profile, "pprof::base"), value_of_base = find_string(profile, "true");
    struct sum all = {0}, base = {0};
    for (size_t i = 0; i < profile->samples.n; i++) {
        int64_t value = sp_magnitude(sp_report_value(report, i)), divisor = sp_report_divisor(report, i);
        add_to_sum(&all, value, divisor);
        if (key != SP_NONE && has_label(profile, &profile->samples.at[i], key, value_of_base))
            add_to_sum(&base, value, divisor);
    }
    return base.value > 0 ? sp_report_mean(base.value, base.divisor) : sp_report_mean(all.value, all.divisor);
}

static int name_type(struct sp_report *report)
{
    const struct sp_value_type *type = &report->profile->sample_types.at[report->options.value_index];
    report->type = sp_profile_text(report->profile, type->type);
    report->unit = sp_profile_text(report->profile, type->unit);
    if (report->options.mean_index == SP_NO_VALUE)
        return 0;
    if (asprintf(&report->type_text, "mean_%s", report->type) < 0) {
        report->type_text = NULL;
        return -ENOMEM;
    }
    report->type = report->type_text;
    return 0;
}

int sp_report_init(struct sp_report *report, struct sp_profile *profile, const struct sp_report_options *options)
{
    *report = (struct sp_report){.profile = profile, .options = *options};
    size_t n_types = profile->sample_types.n;
    if (options->value_index >= n_types || (options->mean_index != SP_NO_VALUE && options->mean_index >= n_types))
        return -ENODATA;
    if (options->divide_by == 0)
        return -EINVAL;
    if (!report->options.unit)
        report->options.unit = SP_UNIT_MINIMUM;
    report->shown_unit = report->options.unit;
    report->total = total_of(report);
    report->label_units = sp_label_units_new(profile);
    return report->label_units ? name_type(report) : -ENOMEM;
}

void sp_report_done(struct sp_report *report)
{
    sp_label_units_free(report->label_units);
    free(report->type_text);
    *report = (struct sp_report){0};
}

int64_t sp_report_share(int64_t value, double fraction)
{
    return sp_magnitude(sp_truncated((double)value * fraction));
}

int64_t sp_report_divided(const struct sp_report *report, int64_t value)
{
    double ratio = 1 / report->options.divide_by;
    return ratio > 0 && ratio != 1 ? sp_truncated((double)value * ratio) : value;
}

void sp_report_value_text(const struct sp_report *report, int64_t value, char text[SP_REPORT_VALUE_BYTES])
{
    const char *unit = sp_scaled_text(sp_report_divided(report, value), report->unit, report->shown_unit, text);
    size_t length = strlen(text);
    snprintf(text + length, SP_REPORT_VALUE_BYTES - length, "%s", unit);
}

/* How many characters (not bytes) a text has. */
static int n_characters(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

void sp_report_print_value(const struct sp_report *report, int64_t value, int width, FILE *out)
{
    char text[SP_REPORT_VALUE_BYTES];
    sp_report_value_text(report, value, text);
    int padding = width - n_characters(text);
    fprintf(out, "%*s%s", padding > 0 ? padding : 0, "", text);
}

void sp_report_print_percent(int64_t value, int64_t total, FILE *out)
{
    char text[SP_PERCENT_TEXT_BYTES];
    sp_percent_text(value, total, text);
    fputs(text, out);
}
