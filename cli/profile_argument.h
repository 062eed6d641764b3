/*
 * The FILE of commands that look at one profile.
 *
 * Place: cli, before formats. Context: ordinary code of the command's only thread.
 */
#ifndef SIGPROF_CLI_PROFILE_ARGUMENT_H
#define SIGPROF_CLI_PROFILE_ARGUMENT_H

#include "command.h"
#include "profile/profile.h"

/* Takes `argument` as the command's `*file` (NULL so far): SP_EXIT_OK, or SP_EXIT_USAGE when there is one already. */
int sp_profile_argument_take(const struct sp_command *command, const char **file, const char *argument);

/* Reads it, "-" being stdin: SP_EXIT_OK and the profile, which is the caller's; or says why not, SP_EXIT_FAILED. */
int sp_profile_argument_read(const char *file, struct sp_profile **profile);

#endif
