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

/* The low numbers belong to the host, which may count on getting them; scripts like 200 and bash 255. */
enum { SP_LOWEST_DESCRIPTOR = 320 };

/* A descriptor, and the file that it was: its number may be another file's by now. */
struct sp_descriptor {
    int fd; /* -1: none */
    unsigned long device, inode;
};

/* Whether the descriptor is open, and still that file. */
bool sp_descriptor_is_open(const struct sp_descriptor *descriptor);

/* Keeps a descriptor, beside those of perf events; one at a time. NULL: none any more. Ordinary code of one thread. */
void sp_descriptor_keep(const struct sp_descriptor *descriptor);

/* Whether `fd` is ours. In vfork's child nothing is: its descriptors are its own. */
bool sp_descriptor_is_ours(int fd);

typedef int sp_close_range(unsigned first, unsigned last, int flags);

/* close_range(2) by way of `real` for all of [first, last] but ours: 0, or -1 and errno of the first piece that failed.
 */
int sp_descriptor_close_others(sp_close_range *real, unsigned first, unsigned last, int flags);

#endif
