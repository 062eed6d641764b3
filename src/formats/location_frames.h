/*
 * The frames of a profile's locations, as a writer tells them apart, found once for each location and not for each
 * sample; and what a frame without a name is called.
 *
 *   location ──▶ at[first[location] .. first[location + 1]) ──▶ the writer's own frames
 *
 * A location's frames are its lines, innermost inlined function first, or one for the location itself where it has
 * none.
 *
 * Place on the way of a sample: profile → *this* → the writers of text formats. Context: ordinary code.
 */
#ifndef SIGPROF_FORMATS_LOCATION_FRAMES_H
#define SIGPROF_FORMATS_LOCATION_FRAMES_H

#include <stdbool.h>

#include "formats/formats.h"

/* One frame of a location. `line` is NULL where the location has none; `depth` is 0 for the function that is not
 * inlined, and counts towards the innermost. */
struct sp_frame_place {
    const struct sp_location *location;
    const struct sp_line *line;
    uint32_t depth;
};

/* Zero-initialised is empty; sp_location_frames_done frees. */
struct sp_location_frames {
    size_t *first; /* [locations.n + 1] */
    uint32_t *at;
};

/*
 * Asks `intern` for the number of each frame of each location: any but SP_NONE, which means that there is no memory.
 * 0 or -ENOMEM. The profile has to pass sp_profile_check.
 */
int sp_location_frames_init(struct sp_location_frames *list, const struct sp_profile *profile,
                            uint32_t (*intern)(void *user, const struct sp_frame_place *place), void *user);
void sp_location_frames_done(struct sp_location_frames *list);

/* Walks a sample's frames: from the leaf on, or (sp_frame_walk_root) from the root on. */
struct sp_frame_walk {
    const struct sp_location_frames *list;
    const uint32_t *locations; /* those not yet begun: [0..n) */
    uint32_t n;
    size_t at, end; /* of the location that is walked */
};

static inline struct sp_frame_walk sp_frame_walk(const struct sp_location_frames *list,
                                                 const struct sp_profile *profile, size_t sample)
{
    const struct sp_sample *of = &profile->samples.at[sample];
    return (struct sp_frame_walk){list, profile->sample_locations.at + of->first_location, of->n_locations, 0, 0};
}

/* The next frame towards the root, or SP_NONE behind it. */
static inline uint32_t sp_frame_walk_outwards(struct sp_frame_walk *walk)
{
    if (walk->at == walk->end) {
        if (walk->n == 0)
            return SP_NONE;
        walk->at = walk->list->first[*walk->locations];
        walk->end = walk->list->first[*walk->locations + 1];
        walk->locations++;
        walk->n--;
    }
    return walk->list->at[walk->at++];
}

/* The next frame towards the leaf, or SP_NONE behind it. A walk goes in one direction only. */
static inline uint32_t sp_frame_walk_inwards(struct sp_frame_walk *walk)
{
    if (walk->at == walk->end) {
        if (walk->n == 0)
            return SP_NONE;
        walk->n--;
        walk->at = walk->list->first[walk->locations[walk->n]];
        walk->end = walk->list->first[walk->locations[walk->n] + 1];
    }
    return walk->list->at[--walk->end];
}

enum { SP_FRAME_NAME_BYTES = 32 };

/*
 * The function's name; as pprof has it, "[base name of the mapping's file]" where it is not known; else the address,
 * or "<unknown>". Three parts, to be put in a row. `buffer` is for the address.
 */
struct sp_frame_name {
    const char *open, *text, *close;
    size_t length; /* of text */
};
struct sp_frame_name sp_frame_name(const struct sp_profile *profile, const struct sp_frame_place *place,
                                   char buffer[SP_FRAME_NAME_BYTES]);

/* The last part of a path, and its length: "/usr/lib/libc.so.6" gives "libc.so.6". */
const char *sp_path_base(const char *path, size_t *length);

/* The column of values that a writer of one shall write; the profile has at least one. */
size_t sp_write_value_index(const struct sp_profile *profile, const struct sp_write_options *options);

#endif
