/*
 * The options of `sigprof record`. See record_options.h.
 *
 * Context: ordinary code of the command's only thread.
 */
#include "record_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "session/session.h"

enum { MAX_HZ = 100000 };

static bool parse_number(const char *text, unsigned long least, unsigned long most, unsigned long *number)
{
    char *end;
    errno = 0;
    const unsigned long value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < least || value > most)
        return false;
    *number = value;
    return true;
}

static bool parse_seconds(const char *text, double *seconds)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value > 0 && value < 1e9))
        return false;
    *seconds = value;
    return true;
}

/* What the options say together. */
static int check_options(const struct sp_record_options *options)
{
    const struct sp_command *self = &sp_command_record;
    if (options->output[0] == '\0')
        return sp_usage_error(self, "-o needs a file name");
    if (options->is_split && strcmp(options->output, "-") == 0)
        return sp_usage_error(self, "--split makes several files: they need a name, and -o - has none");
    if (!options->is_following && (options->is_split || options->is_waiting))
        return sp_usage_error(self, "--no-follow leaves one process, for which --split and --wait mean nothing");
    return SP_EXIT_OK;
}

static int take_frequency(const struct sp_command *command, const struct sp_option *option, const char *value, void *to)
{
    (void)option;
    if (parse_number(value, 1, MAX_HZ, to))
        return SP_EXIT_OK;
    return sp_usage_error(command, "-F %s: the rate is a number of Hz from 1 to %d", value, MAX_HZ);
}

static int take_duration(const struct sp_command *command, const struct sp_option *option, const char *value, void *to)
{
    (void)option;
    if (parse_seconds(value, to))
        return SP_EXIT_OK;
    return sp_usage_error(command, "-d %s: the duration is a number of seconds above 0", value);
}

static int take_depth(const struct sp_command *command, const struct sp_option *option, const char *value, void *to)
{
    (void)option;
    if (parse_number(value, 1, SP_DEPTH_LIMIT, to))
        return SP_EXIT_OK;
    return sp_usage_error(command, "--max-depth %s: the depth is from 1 to %d frames", value, SP_DEPTH_LIMIT);
}

static int take_off(const struct sp_command *command, const struct sp_option *option, const char *value, void *to)
{
    bool is_off = true;
    const int status = sp_take_flag(command, option, value, &is_off);
    *(bool *)to = !is_off;
    return status;
}

int sp_record_take_command(const struct sp_command *command, char **words, void *to)
{
    struct sp_record_options *options = to;
    (void)command;
    options->argv = words;
    return SP_EXIT_OK;
}

static const char *const triggers[] = {
    [SP_TRIGGER_AUTO] = "auto", [SP_TRIGGER_TIMER] = "timer", [SP_TRIGGER_PERF] = "perf", NULL};

static const struct sp_option option_table[] = {
    {.name = "output",
     .letter = 'o',
     .value_name = "FILE",
     .help = "write the profile there (default: sigprof.pb.gz); - is standard output, and\n"
             "the command's own standard output then goes to standard error",
     .take = sp_take_text,
     .offset = offsetof(struct sp_record_options, output)},
    {.name = "frequency",
     .letter = 'F',
     .value_name = "HZ",
     .help = "samples per second of CPU time of each thread, 1 to 100000 (default: 100)",
     .take = take_frequency,
     .offset = offsetof(struct sp_record_options, hz)},
    {.name = "duration",
     .letter = 'd',
     .value_name = "SECONDS",
     .help = "stop sampling and write the profile after that time; the command runs on,\n"
             "and record waits for it",
     .take = take_duration,
     .offset = offsetof(struct sp_record_options, seconds)},
    {.name = "max-depth",
     .value_name = "N",
     .help = "frames per stack, 1 to 4096 (default: 512)",
     .take = take_depth,
     .offset = offsetof(struct sp_record_options, max_depth)},
    {.name = "trigger",
     .value_name = "NAME",
     .help = "what makes samples due: timer (at most one a tick of the kernel, the rest is\n"
             "weight), perf (every period, in user code; a descriptor a thread), or auto:\n"
             "timer up to the tick rate, perf above it where permitted (default)",
     .take = sp_take_choice,
     .choices = triggers,
     .offset = offsetof(struct sp_record_options, trigger)},
    {.name = "no-follow",
     .help = "the command's own process alone, not those that it starts",
     .take = take_off,
     .offset = offsetof(struct sp_record_options, is_following)},
    {.name = "split",
     .help = "a file for each process: FILE.PID before the suffix, as in sigprof.123.pb.gz",
     .take = sp_take_flag,
     .offset = offsetof(struct sp_record_options, is_split)},
    {.name = "wait",
     .help = "record until all processes that the command has started have ended, not only\nthe command",
     .take = sp_take_flag,
     .offset = offsetof(struct sp_record_options, is_waiting)},
};
const struct sp_option_set sp_record_sets[SP_RECORD_SETS] = {
    SP_OPTION_SET(NULL, option_table, 0),
    {NULL, sp_name_places_options, SP_NAME_PLACES_OPTIONS, offsetof(struct sp_record_options, places)}};

int sp_record_parse(int argc, char **argv, struct sp_record_options *options)
{
    const int status = sp_options_parse(&sp_command_record, argc, argv, options);
    if (status != SP_EXIT_OK)
        return status;
    if (!options->argv)
        return sp_usage_error(&sp_command_record, "no command to record");
    return check_options(options);
}
