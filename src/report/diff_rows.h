/*
 * From two profiles to the values of each row. Place: inside src/report, under diff.c. Context: ordinary code.
 */
#ifndef SIGPROF_REPORT_DIFF_ROWS_H
#define SIGPROF_REPORT_DIFF_ROWS_H

#include "report/diff.h"

/* Adds a side's samples, of the sample type at `value_index`, to the rows and to the total: 0 or -ENOMEM. */
int sp_diff_add_side(struct sp_diff *diff, struct sp_profile *profile, enum sp_side side, size_t value_index);

/* Rows that are alike, of which each side has one, in files of different names, become one. */
void sp_diff_match_files(struct sp_diff *diff);

/*
 * Whether a program or library that samples of both sides are in is the same build: 0, -EINVAL with `why` where it is
 * not, -ENOMEM.
 */
int sp_diff_check_builds(struct sp_profile *const profiles[SP_N_SIDES], char *why, size_t why_size);

/* Adds to a value of one side. */
void sp_diff_add(struct sp_diff_value *to, enum sp_side side, double value, double variance);

#endif
