/*
 * How much the samples of a profile weigh, and so how uncertain sums of them are. docs/diff.md has the model.
 * Place: inside src/report, under diff.c and diff_rows.c. Context: ordinary code.
 */
#ifndef SIGPROF_REPORT_DIFF_WEIGHTS_H
#define SIGPROF_REPORT_DIFF_WEIGHTS_H

#include "report/diff.h"

struct sp_diff_weighing {
    const struct sp_profile *profile;
    size_t value_index;
    size_t count_index;  /* the type that is a number of samples, or SP_NO_VALUE */
    double period;       /* what a sample stands for, 0 where that is not known */
    double periods_each; /* how many periods a sample stands for on average */
};

/* How the samples of `profile` weigh in its sample type at `value_index`. */
struct sp_diff_weighing sp_diff_weigh(const struct sp_profile *profile, size_t value_index);
enum sp_diff_errors sp_diff_errors_of(const struct sp_diff_weighing *weighing);

/* The value of sample `i`, and the variance that sampling gives it. */
double sp_diff_sample_value(const struct sp_diff_weighing *weighing, size_t i);
double sp_diff_sample_variance(const struct sp_diff_weighing *weighing, size_t i);

/* The sum of the samples that are there. */
struct sp_diff_whole sp_diff_sum(const struct sp_diff_weighing *weighing);

/*
 * What a single sample may stand for beyond its own period, in values, in a profile
 * that has `whole` in all: the first sample of a thread stands for all that
 * the thread has used before its timer was armed, wherever that was.
 */
double sp_diff_heavy(const struct sp_profile *profile, double whole);

#endif
