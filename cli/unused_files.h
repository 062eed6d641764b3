/*
 * Which files gave no names, and why.
 *
 * Place: cli, behind symbolize: for `symbolize`, and for `record`, which has just seen the files run. Context: ordinary
 * code of the command's only thread.
 */
#ifndef SIGPROF_CLI_UNUSED_FILES_H
#define SIGPROF_CLI_UNUSED_FILES_H

#include <stdbool.h>

#include "profile/profile.h"
#include "symbolize/symbolize.h"

/*
 * One line on stderr for each file in `stats` (of `profile`), and one each for what it does not tell singly, what is in
 * no file, and what its file does not tell. With `only_gone` only of files that are not, or no longer, the ones that
 * ran: what a recording did not expect.
 */
void sp_unused_files_print(const struct sp_profile *profile, const struct sp_symbolize_stats *stats, bool only_gone);

#endif
