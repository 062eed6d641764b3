/*
 * Putting an entry under its hash, with the memory counted and the profile's sticky error set on failure.
 * Place on the way of a sample: inside src/profile only.
 * Context: ordinary code of one thread at a time.
 */
#ifndef SIGPROF_PROFILE_INTERN_H
#define SIGPROF_PROFILE_INTERN_H

#include "profile/index.h"
#include "profile/profile.h"

/* Puts `position` under `hash` into one of the profile's indexes: whether that worked. */
bool sp_profile_index_put(struct sp_profile *profile, struct sp_index *index, uint64_t hash, size_t position);

#endif
