/*
 * Names for code that programs make at run time, from the perf maps that they leave in /tmp.
 *
 * Place on the way of a sample: profile → symbolize.c, then *this* for what has no name yet → formats.
 * Node (--perf-basic-prof), Java (with an agent), Python (-X perf), LuaJIT and others write /tmp/perf-PID.map, where
 * the next process of that number overwrites it. So this is for the one who has just recorded, at the end of the
 * recording. Context: ordinary code; one profile by one thread at a time.
 */
#ifndef SIGPROF_SYMBOLIZE_PERF_FILES_H
#define SIGPROF_SYMBOLIZE_PERF_FILES_H

#include "profile/profile.h"

struct sp_perf_files_stats {
    uint64_t locations; /* code made at run time that had no name, of a process that is known */
    uint64_t named;     /* of these, got one */
    uint64_t maps;      /* files read */
    uint64_t refused;   /* files there, but another user's, older than the recording, or too large: not used */
};

/*
 * Gives a function to each location without lines whose mapping has no file (or that has no mapping), and that only one
 * process has: the one of the samples' "pid" labels or, without these, the only one among the accounts. A map is used
 * if it is a regular file of this user, and has been written to since the recording began. `directory` is "/tmp" but in
 * tests; `stats` may be NULL. Returns 0, or -ENOMEM, or the profile's error; a map that cannot be read is no error.
 */
int sp_perf_files_name(struct sp_profile *profile, const char *directory, struct sp_perf_files_stats *stats);

#endif
