/*
 * --perf-map [PID=]FILE: names of code made at run time, from maps of which the user says whose they are.
 *
 * Place: cli, before symbolize. Context: ordinary code of the command's only thread.
 */
#ifndef SIGPROF_CLI_PERF_MAP_ARGUMENTS_H
#define SIGPROF_CLI_PERF_MAP_ARGUMENTS_H

#include "command.h"
#include "symbolize/perf_files.h"

/* Zero-initialised: none. */
struct sp_perf_map_arguments {
    struct sp_perf_text *texts;
    char **bytes; /* what the texts are in */
    size_t n;
};

/* Reads the map that an option's argument names: SP_EXIT_OK, or says why not, SP_EXIT_USAGE or SP_EXIT_FAILED. */
int sp_perf_map_arguments_add(struct sp_perf_map_arguments *arguments, const struct sp_command *command,
                              const char *argument);

/* Names by them, if there are any, and says how much. SP_EXIT_OK, or says why not, SP_EXIT_FAILED. */
int sp_perf_map_arguments_name(const struct sp_perf_map_arguments *arguments, struct sp_profile *profile,
                               bool is_forced, enum sp_demangle_style demangle, struct sp_perf_files_stats *stats);

void sp_perf_map_arguments_done(struct sp_perf_map_arguments *arguments);

#endif
