/*
 * Maps that the user gives. See perf_map_arguments.h for the place and the context.
 */
#include "perf_map_arguments.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Splits "PID=FILE"; what has no number in front is FILE alone, pid 0. False for a number that is no pid. */
static bool split(const char *argument, int64_t *pid, const char **path)
{
    const size_t digits = strspn(argument, "0123456789");
    *pid = 0;
    *path = argument;
    if (digits == 0 || argument[digits] != '=')
        return true;
    *pid = strtoll(argument, NULL, 10);
    *path = argument + digits + 1;
    return *pid > 0 && *pid <= INT32_MAX;
}

static const char *reason(int error)
{
    return error == -ESPIPE ? "it is no regular file" : strerror(-error);
}

/* Makes room for one more. */
static bool grow(struct sp_perf_map_arguments *arguments)
{
    struct sp_perf_text *texts = reallocarray(arguments->texts, arguments->n + 1, sizeof *texts);
    if (texts != NULL)
        arguments->texts = texts;
    char **bytes = reallocarray(arguments->bytes, arguments->n + 1, sizeof *bytes);
    if (bytes != NULL)
        arguments->bytes = bytes;
    return texts != NULL && bytes != NULL;
}

int sp_perf_map_arguments_add(struct sp_perf_map_arguments *arguments, const struct sp_command *command,
                              const char *argument)
{
    int64_t pid;
    const char *path;
    char *text;
    size_t size;
    if (!split(argument, &pid, &path) || path[0] == '\0')
        return sp_usage_error(command, "--perf-map %s: give FILE or PID=FILE", argument);
    const int error = grow(arguments) ? sp_perf_file_read(path, &text, &size) : -ENOMEM;
    if (error != 0) {
        sp_complain("cannot read %s: %s", path, reason(error));
        return SP_EXIT_FAILED;
    }
    arguments->bytes[arguments->n] = text;
    arguments->texts[arguments->n++] = (struct sp_perf_text){.pid = pid, .at = text, .size = size};
    return SP_EXIT_OK;
}

int sp_perf_map_arguments_name(const struct sp_perf_map_arguments *arguments, struct sp_profile *profile,
                               bool is_forced, enum sp_demangle_style demangle, struct sp_perf_files_stats *stats)
{
    const struct sp_perf_files_options options = {
        .texts = arguments->texts, .n_texts = arguments->n, .is_forced = is_forced, .demangle = demangle};
    *stats = (struct sp_perf_files_stats){.locations = 0};
    if (arguments->n == 0)
        return SP_EXIT_OK;
    const int error = sp_perf_files_name(profile, &options, stats);
    if (error == -EINVAL)
        sp_complain("the profile has code made at run time of several processes: say whose the map is, by "
                    "--perf-map PID=FILE");
    else if (error != 0)
        sp_complain("there is not enough memory for the names");
    else
        sp_complain("named %" PRIu64 " of %" PRIu64 " address%s of code made at run time", stats->named,
                    stats->locations, stats->locations == 1 ? "" : "es");
    return error == 0 ? SP_EXIT_OK : SP_EXIT_FAILED;
}

void sp_perf_map_arguments_done(struct sp_perf_map_arguments *arguments)
{
    for (size_t i = 0; i < arguments->n; i++)
        free(arguments->bytes[i]);
    free(arguments->bytes);
    free(arguments->texts);
    *arguments = (struct sp_perf_map_arguments){0};
}
