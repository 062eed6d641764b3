/*
 * Frames of interpreters become locations.
 *
 * Place: collector, for samples.c. Context: ordinary code, one thread at a time. The names are read from the segment,
 * which another process has written: every length is held against its bound, texts are copied before they are used.
 */
#ifndef SIGPROF_COLLECTOR_VIRTUAL_FRAMES_H
#define SIGPROF_COLLECTOR_VIRTUAL_FRAMES_H

#include "handler/segment.h"
#include "profile/index.h"
#include "profile/profile.h"

/* Of a target. Zero-initialised is empty. */
struct sp_virtual_functions {
    SP_ARRAY(uint32_t) known; /* function i + 1 of the target's is this one of the profile's */
    uint64_t bytes;           /* of the segment's names that have been read */
    bool is_damaged;          /* what comes then makes no sense */
};

/* A location that was made, of a function of the profile's and a line. */
struct sp_virtual_location {
    uint32_t function, line, location;
};

/* Of a profile: those, each once. Zero-initialised is empty. */
struct sp_virtual_locations {
    struct sp_index *index;
    SP_ARRAY(struct sp_virtual_location) known;
};

/*
 * The location of a record's word, which sp_pc_is_virtual: function, file and line, in no mapping. A function that is
 * not known is "[unknown function]". SP_NONE, with the profile's sticky error set, when memory runs out.
 */
uint32_t sp_virtual_location(struct sp_virtual_locations *locations, struct sp_virtual_functions *functions,
                             const struct sp_segment *segment, struct sp_profile *profile, uint64_t word);

void sp_virtual_functions_done(struct sp_virtual_functions *functions);
void sp_virtual_locations_done(struct sp_virtual_locations *locations);

#endif
