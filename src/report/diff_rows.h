/*
 * From two profiles to the values of each function. Place: inside src/report, under diff.c. Context: ordinary code.
 */
#ifndef SIGPROF_REPORT_DIFF_ROWS_H
#define SIGPROF_REPORT_DIFF_ROWS_H

#include "report/diff.h"

/* Adds a side's samples, of the sample type at `value_index`, to the rows and to the total: 0 or -ENOMEM. */
int sp_diff_add_side(struct sp_diff *diff, const struct sp_profile *profile, enum sp_side side, size_t value_index);

/* Rows of one name of which each side has one, in files of different names, become one. */
void sp_diff_match_by_name(struct sp_diff *diff);

#endif
