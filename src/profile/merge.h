/*
 * Profiles made into one, by pprof's rules: what counts as the same mapping, function, location and sample, in which
 * order they come out, and how their headers are combined.
 *
 * Place on the way of a sample: file → formats → profile → *merge* → profile → select, report, or a file again.
 *
 * The same things are:
 *   sample    the same locations and the same labels; the order of labels of different keys does not matter
 *   location  the same place in the same mapping, the same lines (columns: of the outermost line only) and is_folded
 *   mapping   the same size in pages, file offset, and build id; where there is none, the same file
 *   function  the same in all fields
 *
 * Samples keep the order of their first appearance; locations, functions and mappings come in the order in which the
 * samples need them, but for the first mapping, which is that of the first profile that has any: the program itself.
 * What no sample refers to is not taken along, and neither are samples that are zero, before or after their sum.
 *
 * Header: time is the earliest (0 counts as one, as in pprof, unless it is the first), duration the sum, period the
 * largest, comments each once; doc_url and default_sample_type the first that is not ""; the rest that of the first.
 *
 * Sample types: those that all profiles have, in the order of the first; values of comparable units are brought to the
 * finest. Period types have to be the same but for comparable units.
 *
 * Facts, which are ours: numbers of the same key are added up. Those that describe the recording (period, trigger,
 * version of the ledger) are kept while all agree. Accounts of the same thread are added up. Both are left out where
 * any of the profiles that have samples has none: they would speak of a part and look like the whole.
 *
 * Sums stay within int64_t (pprof's wrap).
 *
 * Context: ordinary code of one thread at a time.
 * Source of the rules: google/pprof, profile/merge.go and internal/driver/fetch.go as of Go 1.26.
 */
#ifndef SIGPROF_PROFILE_MERGE_H
#define SIGPROF_PROFILE_MERGE_H

#include "profile/profile.h"

struct sp_merger;

/* A merger of no profile yet: NULL when there is no memory. Freed by sp_merger_free in any case. */
struct sp_merger *sp_merger_new(void);
void sp_merger_free(struct sp_merger *merger);

/*
 * Adds a profile, which must pass sp_profile_check; it is only read, and not needed after. 0, or -EINVAL (it does not
 * go with the others; `why` is a sentence on it that begins with "its"), -ENOMEM, -EFBIG (more than 2^32 entries).
 * After -EINVAL the merger is as before; after another error it is only good for sp_merger_free.
 */
int sp_merger_add(struct sp_merger *merger, const struct sp_profile *profile, char *why, size_t why_size);

/*
 * 0 and the merged profile, the caller's to free; or -EINVAL (there was none), -ENOMEM, -EFBIG. Then the merger is good
 * for sp_merger_free only.
 */
int sp_merger_finish(struct sp_merger *merger, struct sp_profile **merged, char *why, size_t why_size);

/* All at once, returns as above. `merged` is a new profile even of one; then only what is not referred to goes. */
int sp_profile_merge(struct sp_profile *const *profiles, size_t n, struct sp_profile **merged, char *why,
                     size_t why_size);

/* A new profile without what no sample refers to, and without samples that are zero: 0, -ENOMEM or -EFBIG. */
int sp_profile_compact(const struct sp_profile *profile, struct sp_profile **compacted);

/*
 * What go tool pprof does to each profile that it reads: one without mappings gets an empty one, which all its
 * locations are in. The sticky error is set when there is no memory.
 */
void sp_profile_ensure_mapping(struct sp_profile *profile);

/*
 * What go tool pprof does to a profile that is shown alone, and not merged: sample types of the same name are taken
 * away, all of them. 0, -EINVAL when none is left, -ENOMEM; `why` is a sentence that begins with "its".
 */
int sp_profile_drop_doubled_types(struct sp_profile *profile, char *why, size_t why_size);

#endif
