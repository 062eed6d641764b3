/*
 * The limit of frames. See frame_limit.h.
 *
 * Context: ordinary code of the command's only thread.
 */
#include "frame_limit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static uint64_t frames_of(const struct sp_location *location)
{
    return location->n_lines ? location->n_lines : 1;
}

/* The most frames that a location stands for: where even that many for each are few, stacks need not be looked at. */
static uint64_t most_of_each(const struct sp_profile *profile)
{
    uint64_t most = 1;
    for (size_t i = 0; i < profile->locations.n; i++) {
        const uint64_t n = frames_of(&profile->locations.at[i]);
        most = n > most ? n : most;
    }
    return most;
}

int sp_limit_frames(const struct sp_profile *profile, uint64_t most, char *why, size_t why_size)
{
    uint64_t n = 0;
    if (profile->sample_locations.n <= most / most_of_each(profile))
        return 0;
    for (size_t i = 0; i < profile->sample_locations.n; i++)
        n += frames_of(&profile->locations.at[profile->sample_locations.at[i]]);
    if (n <= most)
        return 0;
    snprintf(why, why_size, "its stacks have %" PRIu64 " frames, and %" PRIu64 " are the limit here", n, most);
    return -EFBIG;
}
