/*
 * A report: what is printed of a profile, with what options. Each is one file with one const struct; whoever needs one
 * searches the table.
 *
 * Place on the way of a sample: profile → select → *report* → what the user reads.
 *
 * Order matters: sp_report_init sees the whole profile, so that percentages are of all samples; then the caller selects
 * samples and frames in the same profile (or before, for relative percentages), and then the report is printed.
 *
 * Context: ordinary code of one thread.
 */
#ifndef SIGPROF_REPORT_REPORT_H
#define SIGPROF_REPORT_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "profile/profile.h"
#include "select/regex.h"
#include "select/selection.h"

#define SP_NO_VALUE SIZE_MAX
#define SP_UNIT_MINIMUM "minimum" /* one unit for all values of a report, chosen for the smallest shown */

/* Members that are 0 are off, but for `divide_by`, which has to be 1 then. Texts outlive the report. */
struct sp_report_options {
    size_t value_index;      /* which of the sample types */
    size_t mean_index;       /* its values are divided by the sums of this one's, or SP_NO_VALUE */
    double divide_by;        /* all values; not 0 */
    const char *unit;        /* to show values in: a unit, "minimum" (one for all) or "auto" (each its own) */
    bool by_cum;             /* sort by the value with callees */
    bool drop_negative;      /* nodes with a negative value */
    bool has_compact_labels; /* traces: a sample's labels on one line */
    bool is_intel_syntax;    /* disasm */
    size_t node_count;       /* how many nodes at most; 0: all */
    double node_fraction, edge_fraction; /* what is smaller than this share of the total is not shown */
    const struct sp_regex *symbol;       /* peek, list, disasm: of which functions; others: NULL */
    uint64_t address;                    /* disasm: the expression was this number; 0: it was none */
    const char *source_path, *trim_path; /* where files are looked for; prefixes that are cut off paths. Or NULL */
    const char *const *active_filters;   /* "focus=main": shown in headers */
    size_t n_active_filters;
};

struct sp_report {
    struct sp_profile *profile; /* selected since sp_report_init; functions' files may be trimmed */
    struct sp_report_options options;
    const char *type, *unit; /* of the sample type; the type with "mean_" in front where that is asked for */
    const char *shown_unit;  /* that values are printed in: options.unit, or what a report chose for it */
    int64_t total;           /* what percentages are of */
    struct sp_label_units *label_units;
    char *type_text; /* owns `type` where it is not the profile's */
};

/*
 * Computes the total and the labels' units of `profile`, which must pass sp_profile_check and outlive the report: 0,
 * -ENODATA (no such sample type), -EINVAL (divide_by is 0), -ENOMEM. To be freed by sp_report_done in any case.
 */
int sp_report_init(struct sp_report *report, struct sp_profile *profile, const struct sp_report_options *options);
void sp_report_done(struct sp_report *report);

/* The value of sample `i`. */
static inline int64_t sp_report_value(const struct sp_report *report, size_t i)
{
    return report->profile->values.at[i * report->profile->sample_types.n + report->options.value_index];
}

/* What the values of sample `i` are to be divided by once they are summed up; 0 where nothing is. */
static inline int64_t sp_report_divisor(const struct sp_report *report, size_t i)
{
    size_t index = report->options.mean_index;
    return index == SP_NO_VALUE ? 0 : report->profile->values.at[i * report->profile->sample_types.n + index];
}

/* A sum of values divided by the sum of their divisors; as it is where there is no divisor. */
static inline int64_t sp_report_mean(int64_t value, int64_t divisor)
{
    if (divisor == -1)
        return (int64_t)(0 - (uint64_t)value); /* the smallest number stays what it is */
    return divisor ? value / divisor : value;
}

/* Writes a value as the report shows it: divided by divide_by, in shown_unit, "1.50s". `text` has to hold it. */
enum { SP_REPORT_VALUE_BYTES = 400 };
void sp_report_value_text(const struct sp_report *report, int64_t value, char text[SP_REPORT_VALUE_BYTES]);
/* Prints it right-aligned in `width` characters; and its share of `total`, in six. */
void sp_report_print_value(const struct sp_report *report, int64_t value, int width, FILE *out);
void sp_report_print_percent(int64_t value, int64_t total, FILE *out);

/* The value divided by divide_by. */
int64_t sp_report_divided(const struct sp_report *report, int64_t value);
/* |value * fraction|: below which nodes and edges are dropped. */
int64_t sp_report_share(int64_t value, double fraction);

/* Which sample type -sample_index means ("" is the default one): 0, or -EINVAL with `why` in pprof's words. */
int sp_report_find_value(const struct sp_profile *profile, const char *wanted, size_t *value_index, char *why,
                         size_t why_size);

/* Prints the lines with which each text report begins: file, build id, comments, type, doc, time, duration. */
void sp_report_print_profile_labels(const struct sp_report *report, FILE *out);

/* Prints the filters that are active, "focus=main", where there are any. */
void sp_report_print_filters(const char *const *filters, size_t n, FILE *out);

struct sp_report_kind {
    const char *name; /* "top" */
    /*
     * Prints the report: 0, -ENOMEM, -ENOENT (nothing matches options.symbol), or another -errno with `why`. Errors of
     * `out` are the caller's to ask for (ferror).
     */
    int (*print)(struct sp_report *report, FILE *out, char *why, size_t why_size);
    int (*print_json)(struct sp_report *report, FILE *out, char *why, size_t why_size); /* NULL: has none */
};

extern const struct sp_report_kind sp_report_top, sp_report_tree, sp_report_peek, sp_report_list, sp_report_disasm,
    sp_report_traces, sp_report_tags, sp_report_raw, sp_report_comments, sp_report_dot;

#endif
