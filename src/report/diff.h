/*
 * What differs between two profiles, and whether sampling alone would have done that.
 *
 * Place on the way of a sample: two profiles → select → *this* → what the user reads.
 *
 * A row is a function, a file, a line or an address, by what selection left of the frames. All but addresses are
 * matched by names, so that the profiles may be of different builds. For each row, flat and cum:
 *
 *   value     the sum over the samples of a side, scaled so that the sides can be compared
 *   variance  of that sum, as sampling makes it: Σ weight², of each sample that was taken
 *
 * Both are of the samples that selection kept. What sides are scaled to and what shares are of, unless they are to be
 * relative, and what a sample weighs is known from the whole of each, which is measured before.
 *
 * docs/diff.md has the model and its reasons.
 *
 * Context: ordinary code of one thread.
 */
#ifndef SIGPROF_REPORT_DIFF_H
#define SIGPROF_REPORT_DIFF_H

#include <stdbool.h>
#include <stdio.h>

#include "profile/profile.h"
#include "select/selection.h"

enum sp_side {
    SP_OLD,
    SP_NEW,
    SP_N_SIDES,
};

/* The sum of all samples of a side, and its variance. */
struct sp_diff_whole {
    double value, variance;
};

/* Members that are 0 are off. Texts outlive the diff. */
struct sp_diff_options {
    const char *sample_type; /* as -sample_index; "" is the default one */
    bool is_normalized;      /* NEW is scaled to OLD's total */
    bool is_per_second;      /* each is divided by its duration */
    double run_variation;    /* how much a value varies between runs beyond sampling: its standard deviation / value */
    const struct sp_diff_whole *wholes; /* [SP_N_SIDES]: before samples were selected; NULL: all of them are there */
    bool is_relative;                   /* shares are of what was selected, and so is what NEW is scaled to */
    enum sp_granularity by;             /* what selection has left of frames; of functions files, too */
    bool by_cum;                        /* what differs with all that it calls comes first */
    size_t n_most;                      /* rows to print; 0: all that differ, and those that are large */
    double large;                       /* of the larger total: what rows that do not differ have to have */
    const char *unit;                   /* to show values in: as in sp_report_options, NULL for "minimum" */
    const char *trim_path;              /* prefixes that are cut off paths of source files, or NULL */
    const char *const *active_filters;  /* "focus=main": shown in the head */
    size_t n_active_filters;
    const char *names[SP_N_SIDES]; /* of the files; for the report's head */
};

/* How the variance of a side is known. */
enum sp_diff_errors {
    SP_ERRORS_UNKNOWN,
    SP_ERRORS_BY_COUNT,  /* the profile has a number of samples */
    SP_ERRORS_BY_PERIOD, /* a sample stands for the period */
};

/* A quantity of both sides. The rest is made of `value` and `variance` by sp_diff_judge. */
struct sp_diff_value {
    double value[SP_N_SIDES], variance[SP_N_SIDES];
    double change, error;            /* NEW - OLD ± error, 95 % */
    double relative, relative_error; /* the same, of OLD; 0 where that is 0 */
    double p;                        /* how probable such a change is when nothing has changed; 1 where not known */
    bool is_tested, is_significant;
};

struct sp_diff_row {
    const char *name;            /* as it is shown */
    const char *function, *file; /* or "" */
    const char *object; /* the file of the program or library where nothing else is known; by address: its build id */
    int64_t line, column;
    uint64_t offset;  /* by address: in the object */
    uint64_t address; /* by address: as the first side has it that has it */
    struct sp_diff_value flat, cum;
    double share_change; /* of flat in the wholes, in percentage points */
    bool is_seen[SP_N_SIDES];
    size_t last_sample; /* counts once a stack; position + 1 */
};

struct sp_diff {
    struct sp_diff_options options;
    const char *type, *unit;
    struct sp_diff_row *rows; /* those that differ first, largest first */
    size_t n, capacity;
    struct sp_diff_value total; /* of the samples that are there */
    double whole[SP_N_SIDES];   /* scaled: what shares are of */
    enum sp_diff_errors errors_of[SP_N_SIDES];
    enum sp_diff_errors errors; /* the worse side's */
    double scale[SP_N_SIDES];   /* what values were multiplied by */
    double weight[SP_N_SIDES];  /* scaled: that of a typical sample */
    double heavy[SP_N_SIDES];   /* scaled: what one sample may weigh more than that */
    int64_t duration_ns[SP_N_SIDES];
    size_t n_tests, n_differing, n_differing_by_cum, n_shown; /* n_differing: rows that differ in flat */
    struct sp_index *index;
    struct sp_arena *texts;
};

/* The bound of all tests together: the probability to call anything different when nothing is. */
#define SP_DIFF_ALPHA 0.05

/*
 * Measures a side, which passes sp_profile_check, before samples are selected: 0, -EINVAL (it has no such sample type:
 * `why` says so) or -ENOMEM.
 */
int sp_diff_measure(const struct sp_profile *profile, const char *sample_type, struct sp_diff_whole *whole, char *why,
                    size_t why_size);

/*
 * Compares two profiles that pass sp_profile_check: 0, -EINVAL (they have no type in common, a duration or a total is
 * missing, addresses are of different builds: `why` says so) or -ENOMEM. To be freed by sp_diff_done in any case; the
 * profiles, which are not changed, may go before that.
 */
int sp_diff_init(struct sp_diff *diff, struct sp_profile *const profiles[SP_N_SIDES],
                 const struct sp_diff_options *options, char *why, size_t why_size);
void sp_diff_done(struct sp_diff *diff);

/* Why errors are not known, in words: "nothing says …". Only where they are not. */
enum { SP_DIFF_REASON_BYTES = 320 };
void sp_diff_why_unknown(const struct sp_diff *diff, char reason[SP_DIFF_REASON_BYTES]);

void sp_diff_print(const struct sp_diff *diff, FILE *out);
void sp_diff_print_json(const struct sp_diff *diff, FILE *out);

/*
 * Fills what `value` leaves open, but for is_significant. `weight`, for a side without samples: that of a typical one.
 * `heavy`: a change as small as that may be a single sample.
 */
void sp_diff_judge(struct sp_diff_value *value, const double weight[SP_N_SIDES], double heavy, double run_variation);
/* Holm's procedure: marks those of values[0..n), which it sorts, that are significant at SP_DIFF_ALPHA together. */
void sp_diff_mark_significant(struct sp_diff_value **values, size_t n);

/* The significant growth, in percent, that is largest: of the total and of functions. 0: none. `*row`: NULL for the
 * total. */
double sp_diff_worst_growth(const struct sp_diff *diff, const struct sp_diff_row **row);

#endif
