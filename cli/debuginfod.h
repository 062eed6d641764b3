/*
 * Files of builds, from debuginfod servers. Only where the user has asked for it on the command line.
 *
 * Place: cli, under symbolize, which asks for what is not on this machine. The client is elfutils' libdebuginfod, which
 * keeps what it gets in the user's cache; it is loaded when it is asked for, since it brings a whole HTTP library
 * along. Context: sp_debuginfod_fetch on any thread, one query at a time; the rest on the command's thread.
 */
#ifndef SIGPROF_CLI_DEBUGINFOD_H
#define SIGPROF_CLI_DEBUGINFOD_H

#include "name_progress.h"
#include "symbolize/debug_places.h"

struct sp_debuginfod;

/*
 * Loads the client for the servers in DEBUGINFOD_URLS. SP_EXIT_OK; or SP_EXIT_USAGE where there are none, or
 * SP_EXIT_FAILED without the library, having complained.
 */
int sp_debuginfod_open(struct sp_debuginfod **servers);
void sp_debuginfod_close(struct sp_debuginfod *servers);

/* Where it is told how far a query is; NULL: nowhere. */
void sp_debuginfod_watch(struct sp_debuginfod *servers, struct sp_name_progress *progress);

/*
 * An sp_fetch_file; `user` is the struct sp_debuginfod. A query in which nothing comes for half a minute, or for what
 * DEBUGINFOD_TIMEOUT says, is given up. After the first that fails for another reason than that there is no such file,
 * nobody is asked any more.
 */
int sp_debuginfod_fetch(void *user, enum sp_fetched kind, const char *build_id);

/* Says once, if a query has failed, that and why. */
void sp_debuginfod_say_failure(struct sp_debuginfod *servers);

#endif
