/*
 * Addresses become names.
 *
 * Place on the way of a sample: profile → *symbolize* → formats. It reads the mappings and locations of a profile and
 * gives lines to those locations that have none. It knows nothing of formats or reports.
 * Context: ordinary code; one profile by one thread at a time.
 */
#ifndef SIGPROF_SYMBOLIZE_SYMBOLIZE_H
#define SIGPROF_SYMBOLIZE_SYMBOLIZE_H

#include "profile/profile.h"

struct sp_symbolize_stats {
    uint64_t locations;  /* looked at: had no lines yet */
    uint64_t named;      /* of these, got a function */
    uint64_t modules;    /* files opened */
    uint64_t mismatched; /* files whose build id is not the mapping's: not used */
};

/*
 * Names every location of `profile` that has a mapping and no lines; sets the has_* flags of a mapping to what any of
 * its locations has. A location without a symbol keeps its address and mapping and gets no line.
 * `stats` may be NULL. Returns 0, or -ENOMEM. A file that is gone, damaged or replaced is no error: its locations stay
 * without names.
 */
int sp_symbolize_profile(struct sp_profile *profile, struct sp_symbolize_stats *stats);

#endif
