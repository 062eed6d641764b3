/*
 * The history of a process's executable mappings.
 *
 * Place: collector. It is told of by two: /proc/PID/maps, read now and then, has what is mapped, and the target's log
 * (unloads.h) has which libraries dlclose has unloaded, and in which epoch. So an address of a sample is looked for in
 * what was there in the sample's epoch, whether or not that was read in time. What goes away without a word, unmapped
 * by hand, stays known: what is mapped now goes before what was. Where it cannot be told who was at an address, nobody
 * is named. Context: ordinary code, one thread at a time.
 */
#ifndef SIGPROF_COLLECTOR_MAPPINGS_H
#define SIGPROF_COLLECTOR_MAPPINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "collector/departures.h"
#include "collector/images.h"
#include "collector/unloads.h"
#include "profile/profile.h"

struct sp_known_mapping {
    struct sp_mapping mapping; /* strings of the profile */
    uint32_t index;            /* in the profile, or SP_NONE: no sample in it yet */
    unsigned major, minor;     /* of the file's device */
    uint64_t inode;
    uint32_t image;      /* in the images; SP_NO_IMAGE: no file that names code, or only the log has told of it */
    uint64_t reading;    /* number of the last reading that had it; 0: none */
    uint64_t came_in;    /* number of the drain in which a reading had it that did not have it before */
    uint64_t left_in;    /* number of the last one in which a reading did not have it that had it before */
    uint64_t told_epoch; /* it was there, says the log */
    bool is_live;
    bool is_using;        /* it counts as a user of its image: as long as it is mapped, as far as is known */
    bool is_departed;     /* the log has told of its end */
    bool is_lasting;      /* it was there at the first reading, and has not been unloaded since */
    bool is_replacing;    /* when it came, another was gone from there without a word */
    bool is_without_file; /* made at run time: anonymous, or of a file that no longer has a name */
    bool is_nameless;     /* only the log has told of it, and not what it is */
};

/* It is there, says the log, and the mappings do not have it. */
static inline bool sp_known_mapping_is_ghost(const struct sp_known_mapping *known)
{
    return known->told_epoch != 0 && !known->is_live && !known->is_departed;
}

struct sp_mappings {
    pid_t pid;
    struct sp_images *images;                /* whose files are kept within reach; NULL: nobody's. They live longer */
    SP_ARRAY(struct sp_known_mapping) known; /* in order of discovery */
    SP_ARRAY(uint32_t) live;                 /* positions in known, by start address */
    uint32_t executable;                     /* string: its path; 0: not known yet */
    bool has_released;                       /* its files: the process is about to end */
    uint32_t last;                           /* position in known of the last find */
    struct sp_departures departures;
    size_t n_told;           /* of the known, those that no reading had */
    bool has_told;           /* the log has ever told what is there */
    uint64_t epoch;          /* of the target, when the log was read last */
    uint64_t reading, drain; /* how many there have been */
    uint64_t read_after;     /* the last reading was in this epoch or later, ... */
    uint64_t read_before;    /* ... and in this one or earlier; UINT64_MAX: the log was not read since */
    uint64_t open_in;        /* number of the last drain in which something was being unloaded */
};

/*
 * Reads /proc/PID/maps. What cannot be read (the process is gone) changes nothing. Returns 0, or -errno.
 */
int sp_mappings_read(struct sp_mappings *mappings, struct sp_profile *profile);

/* The same from a text as /proc/PID/maps has it. */
int sp_mappings_read_text(struct sp_mappings *mappings, struct sp_profile *profile, FILE *maps);

/* The process is about to end: the files are its no more. What is known of its mappings stays. */
void sp_mappings_release_files(struct sp_mappings *mappings);

/*
 * Makes `mappings`, which knows nothing yet, know what `from` had in `epoch`, whose strings are of the profile
 * `theirs`: the mappings of a forked process are its parent's. 0 or -ENOMEM.
 */
int sp_mappings_copy(struct sp_mappings *mappings, struct sp_profile *profile, const struct sp_mappings *from,
                     const struct sp_profile *theirs, uint64_t epoch);

/* A drain begins: what is read from now on is not older than its samples. */
void sp_mappings_begin_drain(struct sp_mappings *mappings);

/* The log has told of `unload`. */
void sp_mappings_unload(struct sp_mappings *mappings, struct sp_profile *profile, const struct sp_unload *unload);

/*
 * All that the log has to tell was told. To be called after each reading, too, before anything is looked for. Where
 * there is a gap in the log, only what is lasting is known until the mappings are read again.
 */
void sp_mappings_unloads_told(struct sp_mappings *mappings, const struct sp_unload_state *state);

/*
 * The profile's index of the mapping that held `address` in `epoch`, or SP_NONE; then `*is_unsure` tells whether there
 * is one, and it cannot be said which. The first mapping that is put into the profile is the executable's.
 */
uint32_t sp_mappings_find(struct sp_mappings *mappings, struct sp_profile *profile, uint64_t address, uint64_t epoch,
                          bool *is_unsure);

void sp_mappings_done(struct sp_mappings *mappings);

/*
 * Inside the module: room for one more known mapping, and a known one put behind those that are live. NULL and false:
 * no memory.
 */
struct sp_known_mapping *sp_mappings_add_known(struct sp_mappings *mappings);
bool sp_mappings_make_live(struct sp_mappings *mappings, uint32_t position);

/* Lets go of the file of a known mapping that is mapped no more. */
void sp_mappings_let_go(const struct sp_mappings *mappings, struct sp_known_mapping *known);

/* Whether `path` is a known mapping's. An image keeps its path when the file is removed. */
bool sp_mappings_is_path_of(const struct sp_known_mapping *known, const char *path, const struct sp_profile *profile);

#endif
