/*
 * How many descriptors a recording may have, and for what.
 *
 * Place: cli, for `record`: each process that is recorded takes some here, and so do the files of programs that are
 * kept within reach. Context: ordinary code of one thread.
 */
#ifndef SIGPROF_CLI_DESCRIPTOR_LIMITS_H
#define SIGPROF_CLI_DESCRIPTOR_LIMITS_H

#include <stddef.h>

/* Descriptors for files of programs: a quarter of what this process may have in the end; the processes take the rest.
 */
size_t sp_image_descriptors(void);

/* Raises the limit of this process to what it may have. The command has been started with the limit as it was. */
void sp_allow_many_descriptors(void);

#endif
