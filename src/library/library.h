/*
 * What the library can do beyond its public API, for other libraries that are made of it.
 *
 * Place: around the whole way of a sample. Context: as told in sigprof.h for the functions of the API.
 */
#ifndef SIGPROF_LIBRARY_LIBRARY_H
#define SIGPROF_LIBRARY_LIBRARY_H

#include "collector/ledger.h"
#include "formats/formats.h"
#include "session/session.h"

/* See struct sp_sample_filter in handler/entry.h. */
struct sp_library_filter {
    int (*ask)(void *argument);
    void *argument;
};

/*
 * What each start does first, and the first one alone: registers what a fork does. Who has locks around these functions
 * registers its own pthread_atfork functions after that. 0 or -ENOMEM.
 */
int sp_library_prepare(void);

/* sigprof_start with a config; `filter` NULL: all samples are wanted. Errors as there. */
int sp_library_start(const struct sp_session_config *config, const struct sp_library_filter *filter);

/* The ledger of the running session as of its last drain, or of the last session: 0, or -ENODATA. */
int sp_library_ledger(struct sp_ledger *ledger);

/*
 * Appends the profile so far, or of the last session, to `bytes` as a file of `format`; `flags` as of
 * sigprof_write_path. 0, -ENODATA, or the errors of the format.
 */
int sp_library_encode(const struct sp_format *format, unsigned flags, struct sp_bytes *bytes);

#endif
