/*
 * Names for code that programs make at run time, from the perf maps that they leave in /tmp.
 *
 * Place on the way of a sample: profile → symbolize.c, then *this* for what has no name yet → formats.
 * Node (--perf-basic-prof), Java (with an agent), Python (-X perf), LuaJIT and others write /tmp/perf-PID.map, where
 * the next process of that number overwrites it. So a directory is for the one who has just recorded, at the end of the
 * recording; later, only the user can tell which map belongs to a profile.
 * Context: ordinary code; one profile by one thread at a time.
 */
#ifndef SIGPROF_SYMBOLIZE_PERF_FILES_H
#define SIGPROF_SYMBOLIZE_PERF_FILES_H

#include "profile/profile.h"
#include "symbolize/demangle.h"

/* The text of a map that the user says is of a process. */
struct sp_perf_text {
    int64_t pid; /* 0: the only one with code made at run time */
    const char *at;
    size_t size;
};

struct sp_perf_files_options {
    /* Where maps are: each is used if it is a regular file of this user, written to since the recording began. Or NULL.
     */
    const char *directory;
    const struct sp_perf_text *texts; /* asked first; of two for the same process the first */
    size_t n_texts;
    bool is_forced; /* also locations that have lines */
    enum sp_demangle_style demangle;
};

/* Code made at run time, counted for each process that has it. */
struct sp_perf_files_stats {
    uint64_t locations; /* that wanted a name */
    uint64_t named;     /* of these, got one */
    uint64_t maps;      /* files and texts used */
    uint64_t refused;   /* files there, but another user's, older than the recording, or too large: not used */
};

/*
 * Gives a function to each location without lines whose mapping has no file (or that has no mapping): by the map of the
 * process in whose samples it is, which the "pid" labels tell or, without these, the accounts, if they are of one
 * process. perf_map_name.h says what becomes of a map's text; the text itself is the system name. `stats` may be NULL.
 * Returns 0, -ENOMEM, or the profile's error; -EINVAL where a text is for the only process, and there are several:
 * nothing is named then. A file that cannot be read is no error.
 */
int sp_perf_files_name(struct sp_profile *profile, const struct sp_perf_files_options *options,
                       struct sp_perf_files_stats *stats);

/*
 * Reads a map whose path the user gave. Returns 0, or the -errno of open(2) or read(2); -EFBIG when it is larger than
 * may be read, -EISDIR, -ENOMEM. The caller frees `*text`.
 */
int sp_perf_file_read(const char *path, char **text, size_t *size);

#endif
