/*
 * Selection by frames: each works on the locations first, once, and then on the stacks, in place.
 * Place on the way of a sample: inside src/select. Context: ordinary code of one thread.
 */
#ifndef SIGPROF_SELECT_FRAME_FILTER_H
#define SIGPROF_SELECT_FRAME_FILTER_H

#include "profile/profile.h"
#include "select/regex.h"

/* Expressions, or NULL; and of each, whether it matched any location. */
struct sp_name_filter {
    const struct sp_regex *focus, *ignore, *hide, *show;
    bool has_focused, has_ignored, has_hidden, has_shown;
};

/*
 * Keeps the samples that have a frame of `focus` and none of `ignore`; takes the frames of `hide` off them, and those
 * that are not of `show`. A sample without frames is dropped. 0 or -ENOMEM.
 */
int sp_filter_by_name(struct sp_profile *profile, struct sp_name_filter *filter);

/* Drops the callers of the outermost frame that matches, and samples that have none. 0 or -ENOMEM. */
int sp_show_from(struct sp_profile *profile, const struct sp_regex *regex, bool *has_match);

/* Drops the callees of the innermost frame that matches. 0 or -ENOMEM. */
int sp_prune_from(struct sp_profile *profile, const struct sp_regex *regex);

#endif
