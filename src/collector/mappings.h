/*
 * The history of a process's executable mappings.
 *
 * Place: collector. A mapping that goes away stays known, so that a sample taken in a library before dlclose still
 * finds it; what is mapped now goes before what was. Context: ordinary code, one thread at a time.
 */
#ifndef SIGPROF_COLLECTOR_MAPPINGS_H
#define SIGPROF_COLLECTOR_MAPPINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "collector/images.h"
#include "profile/profile.h"

struct sp_known_mapping {
    struct sp_mapping mapping; /* strings of the profile */
    uint32_t index;            /* in the profile, or SP_NONE: no sample in it yet */
    unsigned major, minor;     /* of the file's device */
    uint64_t inode;
    uint32_t image; /* in the images; SP_NO_IMAGE: no file that names code */
    bool is_live;
    bool is_without_file; /* made at run time: anonymous, or of a file that no longer has a name */
};

struct sp_mappings {
    pid_t pid;
    struct sp_images *images;                /* whose files are kept within reach; NULL: nobody's. They live longer */
    SP_ARRAY(struct sp_known_mapping) known; /* in order of discovery */
    SP_ARRAY(uint32_t) live;                 /* positions in known, by start address */
    uint32_t executable;                     /* string: its path; 0: not known yet */
    bool has_released;                       /* its files: the process is about to end */
    uint32_t last;                           /* position in known of the last find */
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
 * Makes `mappings`, which knows nothing yet, know what `from` does, whose strings are of the profile `theirs`: the
 * mappings of a forked process are its parent's. 0 or -ENOMEM.
 */
int sp_mappings_copy(struct sp_mappings *mappings, struct sp_profile *profile, const struct sp_mappings *from,
                     const struct sp_profile *theirs);

/*
 * The profile's index of the mapping that holds `address`, or SP_NONE. The first mapping that is put into the profile
 * is the executable's.
 */
uint32_t sp_mappings_find(struct sp_mappings *mappings, struct sp_profile *profile, uint64_t address);

void sp_mappings_done(struct sp_mappings *mappings);

#endif
