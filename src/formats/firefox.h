/*
 * The Firefox Profiler's "processed profile" format, version 58: JSON, with tables column by column. The Profiler
 * brings older versions up to its own when it loads them.
 *
 *   thread.samples.stack ─▶ stackTable ─┬─prefix─▶ stackTable
 *                                       └─frame──▶ frameTable ──▶ funcTable ─┬─▶ resourceTable ──▶ libs
 *                                                                            └─▶ shared.sources
 *   all names ─▶ shared.stringArray
 *
 * Each thread has tables of its own; strings, sources and libs are the profile's. A profile of ours has no times of
 * samples: what is written as time is the sum of the weights of the thread's samples so far, so that the timeline shows
 * shares, not a history.
 *
 * Place on the way of a sample: see formats.h. Context: ordinary code.
 * Source: firefox-devtools/profiler, src/types/profile.ts and docs-developer/CHANGELOG-formats.md.
 */
#ifndef SIGPROF_FORMATS_FIREFOX_H
#define SIGPROF_FORMATS_FIREFOX_H

#include "formats/firefox_threads.h"
#include "formats/formats.h"
#include "formats/location_frames.h"
#include "util/json_out.h"

extern const struct sp_format sp_format_firefox;

/* The categories, by their position in meta.categories. */
enum { SP_FIREFOX_OTHER, SP_FIREFOX_USER, SP_FIREFOX_KERNEL };

/* A function in a library; where its name is not known, an address. */
struct sp_firefox_function {
    uint32_t function; /* SP_NONE: not known */
    uint32_t mapping;  /* SP_NONE: in none */
    uint64_t address;  /* of a function that is not known */
    uint32_t nameless; /* which of those; else SP_NONE */
};

/* What is the same for all threads; the frames are numbered through, and known by their places. */
struct sp_firefox {
    const struct sp_profile *profile;
    struct sp_json json;
    struct sp_location_frames list;
    struct sp_frame_place *places; /* [n_frames] */
    uint32_t *function_of;         /* [n_frames]: in functions */
    size_t n_frames, places_room, function_of_room;
    struct sp_firefox_function *functions;
    size_t n_functions, functions_room, n_nameless;
    struct sp_index *function_index;
    uint32_t *sources; /* strings: the files of functions */
    size_t n_sources;
    uint32_t *source_of; /* [strings.n]: in sources, + 1 */
    uint32_t *libraries; /* mappings: those that stand for a file each */
    size_t n_libraries;
    uint32_t *library_of; /* [mappings.n]: in libraries, or SP_NONE */
    size_t value_index;
    const char *weight_type; /* the Profiler's name of it */
    double weight_factor;    /* from a value to a weight of that type */
    double time_factor;      /* from a value to milliseconds; 0: each sample is one interval */
    double interval_ms;
};

/* Strings beyond the profile's own: first those of libraries, then those of functions without a name. */
static inline size_t sp_firefox_library_string(const struct sp_firefox *firefox, size_t library)
{
    return firefox->profile->strings.n + library;
}

static inline size_t sp_firefox_nameless_string(const struct sp_firefox *firefox, size_t nameless)
{
    return firefox->profile->strings.n + firefox->n_libraries + nameless;
}

/* An address relative to its library, as far as the mapping tells. */
static inline uint64_t sp_firefox_address(const struct sp_profile *profile, uint32_t mapping, uint64_t address)
{
    if (mapping == SP_NONE)
        return address;
    return address - profile->mappings.at[mapping].start + profile->mappings.at[mapping].file_offset;
}

/* Puts the threads, as an array: 0 or -ENOMEM. */
int sp_firefox_put_threads(struct sp_firefox *firefox, const struct sp_firefox_threads *threads);

#endif
