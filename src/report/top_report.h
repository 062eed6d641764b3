/*
 * The report `top`: functions, those that took most first, with the header lines of `pprof -top`.
 *
 * Place on the way of a sample: profile → *this* → what the user reads.
 * Context: ordinary code.
 */
#ifndef SIGPROF_REPORT_TOP_REPORT_H
#define SIGPROF_REPORT_TOP_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "profile/profile.h"

struct sp_top_options {
    size_t n;    /* how many functions at most; 0 is all */
    bool by_cum; /* sort by the value with callees, not by the function's own */
};

/*
 * Prints the report of a profile that passes sp_profile_check: 0, -ENODATA (the profile has no sample types),
 * or -ENOMEM. Nothing is printed on failure. Errors of `out` are the caller's to ask for (ferror).
 */
int sp_report_top(const struct sp_profile *profile, const struct sp_top_options *options, FILE *out);

#endif
