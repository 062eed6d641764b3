/*
 * The profiles that a command looks at: files, stdin and addresses, several of them added up, and a base taken off.
 *
 * Place: cli, between formats and select. Context: ordinary code of the command's only thread.
 */
#ifndef SIGPROF_CLI_SOURCES_H
#define SIGPROF_CLI_SOURCES_H

#include "command.h"
#include "profile/profile.h"

/* Zero-initialised: none. Ended by sp_sources_done. */
struct sp_sources {
    struct sp_words files, base, diff_base;
    bool is_normalised; /* the profile is scaled to the base first */
    size_t seconds;     /* of profiles that are fetched; 0: as the address says */
    size_t timeout;     /* seconds; 0: half as long again as it takes */
};

/* --base, --diff-base, --normalize, --seconds, --timeout: a set whose structure is a sp_sources. */
enum { SP_SOURCES_OPTIONS = 5 };
extern const struct sp_option sp_sources_options[SP_SOURCES_OPTIONS];

/* Takes one more FILE: SP_EXIT_OK or SP_EXIT_FAILED. */
int sp_sources_take_file(struct sp_sources *sources, const char *file);

/* Whether the options make sense together and there is a FILE: SP_EXIT_OK or SP_EXIT_USAGE. */
int sp_sources_check(const struct sp_command *command, const struct sp_sources *sources);

/*
 * Reads and combines them; unless `is_whole`, the frames are dropped that the profiles ask to drop. SP_EXIT_OK and the
 * profile, which is the caller's; or says what failed, SP_EXIT_FAILED. Of several files those that can be read count,
 * as long as there is one.
 */
int sp_sources_read(const struct sp_sources *sources, bool is_whole, struct sp_profile **profile);

/* The name by which to complain about the profile: of the first file. */
const char *sp_sources_name(const struct sp_sources *sources);

void sp_sources_done(struct sp_sources *sources);

#endif
