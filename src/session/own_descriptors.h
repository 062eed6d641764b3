/*
 * Descriptors in the host's table that are ours.
 *
 * Place: session. Daemons close whatever they find; a perf event that is closed is a thread that is not sampled, and
 * the connection is how a recording ends in good order. libc's functions that close are interposed to leave them alone.
 * A bare system call still closes them, and so does dup2(2) onto one: trigger.c notices the first sample that fails to
 * come. Context: any thread, also in signal handlers.
 */
#ifndef SIGPROF_SESSION_OWN_DESCRIPTORS_H
#define SIGPROF_SESSION_OWN_DESCRIPTORS_H

#include <stdbool.h>

/* Keeps descriptor `fd`, beside those of perf events; one at a time. -1: none any more. */
void sp_descriptor_keep(int fd);

/* Whether `fd` is ours, in this process. */
bool sp_descriptor_is_ours(int fd);

typedef int sp_close_range(unsigned first, unsigned last, int flags);

/* close_range(2) by way of `real` for all of [first, last] but ours: 0, or -1 and errno of the first piece that failed.
 */
int sp_descriptor_close_others(sp_close_range *real, unsigned first, unsigned last, int flags);

#endif
