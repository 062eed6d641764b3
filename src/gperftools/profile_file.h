/*
 * The file of a profile, held open from start to stop.
 *
 * As gperftools does: whether it can be written shows at the start, and a daemon that changes its directory, its root
 * or its user in between is no problem. A daemon that closes all descriptors is none here either (own_descriptors.h).
 *
 * Place: gperftools. Context: ordinary code, one thread at a time.
 */
#ifndef SIGPROF_GPERFTOOLS_PROFILE_FILE_H
#define SIGPROF_GPERFTOOLS_PROFILE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "session/own_descriptors.h"

struct sp_profile_file {
    struct sp_descriptor descriptor;
    char *path; /* absolute */
    bool can_be_rewritten;
};

/* Opens the file, new or emptied: 0, or -errno of open(2). */
int sp_profile_file_open(const char *path, struct sp_profile_file *file);

/*
 * Makes data[0..bytes) all of the file, which is opened again where the host has closed it. A pipe or a device just
 * gets it: what is written there stays. 0, or -errno of open(2) or write(2).
 */
int sp_profile_file_write(struct sp_profile_file *file, const void *data, size_t bytes);

/* Closes: 0, or -errno of close(2). Also in a forked child, for its own descriptor. */
int sp_profile_file_close(struct sp_profile_file *file);

#endif
