/*
 * What the command line says of where debug files are: --debug-dir and --debuginfod, of `record` and `symbolize`.
 *
 * Place: cli, before symbolize. Context: ordinary code of the command's thread.
 */
#ifndef SIGPROF_CLI_NAME_PLACES_H
#define SIGPROF_CLI_NAME_PLACES_H

#include <stdbool.h>
#include <stddef.h>

#include "command.h"
#include "debuginfod.h"
#include "name_progress.h"
#include "symbolize/debug_places.h"

/* Zero-initialised: the usual places. Ended by sp_name_places_done. */
struct sp_name_places {
    const char **directories;
    size_t n;
    bool is_asking; /* --debuginfod */
    struct sp_debuginfod *servers;
};

/* The two options, of a set whose structure is a sp_name_places. */
enum { SP_NAME_PLACES_OPTIONS = 2 };
extern const struct sp_option sp_name_places_options[SP_NAME_PLACES_OPTIONS];

/* Makes ready for the work. SP_EXIT_OK; or what sp_debuginfod_open says. */
int sp_name_places_open(struct sp_name_places *places);

/* Tells symbolize; `progress`, which has begun, shows what is fetched until sp_name_places_end. */
void sp_name_places_begin(const struct sp_name_places *places, struct sp_debug_places *debug_places,
                          struct sp_name_progress *progress);
/* Says what went wrong; the progress has ended. */
void sp_name_places_end(const struct sp_name_places *places);

void sp_name_places_done(struct sp_name_places *places);

#endif
