/*
 * Names by the host's symbolizer.
 *
 * Place on the way of a sample: profile → *this*, then symbolize → formats. Context: ordinary code; one profile by one
 * thread at a time, the one that the symbolizer is called on. The rules are those of include/sigprof/traceback.h.
 */
#ifndef SIGPROF_LIBRARY_PLUGIN_NAMES_H
#define SIGPROF_LIBRARY_PLUGIN_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "profile/profile.h"
#include "sigprof/traceback.h"

/*
 * Asks for each location i < n with `is_wanted[i]` that has no lines, and gives it those for which a function's name
 * comes back. Where there is none, the location stays as it is. Memory that runs out is the profile's sticky error.
 */
void sp_plugin_names(struct sp_profile *profile, const bool *is_wanted, size_t n, sigprof_plugin_function *symbolizer);

#endif
