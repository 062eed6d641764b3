/*
 * The memory map at the end of legacy profiles, and which location is in which mapping, by pprof's rules.
 *
 * Place on the way of a sample: inside the reader of legacy profiles.
 * Context: ordinary code.
 * Source of the rules: google/pprof, profile/legacy_profile.go and profile/profile.go.
 */
#ifndef SIGPROF_FORMATS_MAPS_H
#define SIGPROF_FORMATS_MAPS_H

#include "formats/formats.h"

/*
 * Appends the executable mappings that the lines of data[0..size) tell, as /proc/PID/maps has them or shorter
 * ("400000-500000 /bin/x (@1000) build-id"); other lines are passed over. Pieces of one mapping become one, and what is
 * likely the program comes first. The profile has no mappings before.
 */
void sp_maps_read(struct sp_profile *profile, const uint8_t *data, size_t size);

/*
 * Finds for each location the mapping that it is in. What is in none gets one without a file, of all addresses; 0 gets
 * none. Errors are the profile's: -EFBIG also where locations outside of all mappings, times mappings, are too many.
 */
void sp_maps_assign(struct sp_profile *profile);

#endif
