/*
 * Files read a few ahead of who uses them, by a thread of their own, and by the user itself where it would have to
 * wait.
 *
 * Place: cli, before formats; for commands with many FILEs. Reading (decompression above all) takes about as long as
 * what is done with a profile, so the two go on at the same time, and two CPUs are busy whichever takes longer.
 * Context: ordinary code. All calls are from one thread.
 */
#ifndef SIGPROF_CLI_READ_AHEAD_H
#define SIGPROF_CLI_READ_AHEAD_H

#include "profile/profile.h"

struct sp_read_ahead;

enum { SP_READ_AHEAD_WHY_BYTES = 256 };

/* Begins to read files[0..n), which outlive it; "-" is stdin. NULL when there is no memory. */
struct sp_read_ahead *sp_read_ahead_new(const char *const *files, size_t n);

/* The next file's profile, in order: as sp_profile_read_file. Not to be called more than n times. */
int sp_read_ahead_next(struct sp_read_ahead *ahead, struct sp_profile **profile, char why[SP_READ_AHEAD_WHY_BYTES]);

/*
 * Ends it. When not all files were asked for, the thread may be inside a read of stdin that does not end; so it is not
 * waited for, and its memory stays: the process is about to end.
 */
void sp_read_ahead_free(struct sp_read_ahead *ahead);

#endif
