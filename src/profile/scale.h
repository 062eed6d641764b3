/*
 * A profile's values multiplied: to subtract it, to compare it with another, or to bring it to another unit.
 *
 * Place on the way of a sample: profile → *scale* → merge, which makes a difference of two profiles.
 * Context: ordinary code of one thread at a time.
 */
#ifndef SIGPROF_PROFILE_SCALE_H
#define SIGPROF_PROFILE_SCALE_H

#include "profile/profile.h"

/* value * ratio, rounded half away from zero; what does not fit becomes the smallest number, as in pprof on amd64. */
int64_t sp_scaled_value(int64_t value, double ratio);

/*
 * Multiplies the values of sample type i by ratios[i]. Samples whose changed values all become 0 go (as in pprof:
 * even where a value whose ratio is 1 is not 0); where all ratios are 1, nothing changes. No sample is added after.
 */
void sp_profile_scale_each(struct sp_profile *profile, const double *ratios);
/* The same with one ratio for all: 0 or -ENOMEM. -1 negates. */
int sp_profile_scale(struct sp_profile *profile, double ratio);

/*
 * Scales the values of each type so that their sum is that of `base`, or 0 where it was 0: 0, -EINVAL when the types of
 * samples and period are not the same (`why` is a sentence that begins with "its"), or -ENOMEM.
 */
int sp_profile_normalize(struct sp_profile *profile, const struct sp_profile *base, char *why, size_t why_size);

/* Gives all samples the label key=value, in place of text labels of that key that they have: 0, -ENOMEM, -EFBIG. */
int sp_profile_set_label(struct sp_profile *profile, const char *key, const char *value);

/* The label with which pprof marks what comes from -diff_base. */
#define SP_BASE_LABEL "pprof::base"
#define SP_BASE_LABEL_VALUE "true"

#endif
