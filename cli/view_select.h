/*
 * From the options of a command to what of a profile is looked at: the steps between reading it and printing it, in
 * pprof's order. Labels become frames before any filter, so that filters see them; the total is taken before the
 * filters, unless percentages are to be of what they leave; then frames are made coarser.
 *
 * Place: cli, over select, under the commands that show a profile or two. Context: ordinary code of the command's only
 * thread.
 */
#ifndef SIGPROF_CLI_VIEW_SELECT_H
#define SIGPROF_CLI_VIEW_SELECT_H

#include "view_options.h"

/* A profile on its way. Ended by sp_view_select_done. */
struct sp_view_select {
    const struct sp_view_options *options;
    struct sp_profile *profile; /* changed in place */
    const char *side;           /* stands before what is said of it: "OLD"; NULL: nothing does */
    char *why;                  /* why[0..why_size): the reason of an error, where there is one */
    size_t why_size;
    struct sp_label_units *units;
};

/* What comes before the total is taken: 0, -EINVAL (a bad expression, with the reason) or -ENOMEM. */
int sp_view_select_first(struct sp_view_select *select);

/* What comes after: the same, and -EFBIG, with the reason, where more than `most_frames` are left. */
int sp_view_select_rest(struct sp_view_select *select, const struct sp_granularity_options *granularity,
                        uint64_t most_frames);
void sp_view_select_done(struct sp_view_select *select);

/* How finely the options tell frames apart. */
struct sp_granularity_options sp_view_granularity(const struct sp_view_options *options);

/* The filters that are asked for, in pprof's order, "name=value". Zero-initialised: none. */
struct sp_active_filters {
    char *at[9];
    size_t n;
};
/* 0 or -ENOMEM. Ended by sp_active_filters_done in any case. */
int sp_active_filters_init(struct sp_active_filters *filters, const struct sp_selection *selection);
void sp_active_filters_done(struct sp_active_filters *filters);

#endif
