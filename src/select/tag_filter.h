/*
 * Selection by labels: which samples (tagfocus, tagignore), and which of their labels (tagshow, taghide).
 *
 * Place on the way of a sample: inside src/select. Context: ordinary code of one thread.
 */
#ifndef SIGPROF_SELECT_TAG_FILTER_H
#define SIGPROF_SELECT_TAG_FILTER_H

#include "profile/profile.h"
#include "select/regex.h"
#include "select/selection.h"

struct sp_tag_filter;

/*
 * What `value` of the option `name` asks for: [key=]range or [key=]regex,regex,... Of regular expressions without a
 * key, each has to match a "key:value" of the sample; with a key, one of them one of its values. 0 and a new filter
 * (see sp_tag_filter_free), -EINVAL with `why`, or -ENOMEM. `units` outlives it.
 */
int sp_tag_filter_new(const char *name, const char *value, const struct sp_label_units *units,
                      const struct sp_notes *notes, struct sp_tag_filter **filter, char *why, size_t why_size);
void sp_tag_filter_free(struct sp_tag_filter *filter);

/*
 * Keeps the samples that `focus` wants and `ignore` does not; either may be NULL. Tells whether they matched any. 0 or
 * -ENOMEM.
 */
int sp_filter_by_tag(struct sp_profile *profile, struct sp_tag_filter *focus, struct sp_tag_filter *ignore,
                     bool *has_focused, bool *has_ignored);

/* Takes the labels off whose keys `show` does not match, or `hide` does; either may be NULL. 0 or -ENOMEM. */
int sp_filter_tags(struct sp_profile *profile, const struct sp_regex *show, const struct sp_regex *hide,
                   bool *has_shown, bool *has_hidden);

#endif
