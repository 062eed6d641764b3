/*
 * What the command line of `sigprof record` says.
 *
 * Place: cli, before recording. Context: ordinary code of the command's only thread.
 */
#ifndef SIGPROF_CLI_RECORD_OPTIONS_H
#define SIGPROF_CLI_RECORD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "command.h"
#include "name_places.h"

struct sp_record_options {
    const char *output;
    unsigned long hz, max_depth;
    double seconds;   /* 0: until the command ends */
    uint32_t trigger; /* enum sp_trigger */
    bool is_following, is_split, is_waiting;
    struct sp_name_places places;
    char **argv;
};

/* For the command's struct. */
enum { SP_RECORD_SETS = 2 };
extern const struct sp_option_set sp_record_sets[SP_RECORD_SETS];
int sp_record_take_command(const struct sp_command *command, char **words, void *to);

/* Parses it into `options`, which has the defaults. Returns as sp_options_parse. */
int sp_record_parse(int argc, char **argv, struct sp_record_options *options);

#endif
