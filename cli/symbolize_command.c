/*
 * `sigprof symbolize`: gives names to the addresses of a profile that has none, ours or anybody's.
 *
 * Place on the way of a sample: file → formats → symbolize → formats → file.
 * Context: ordinary code of the command's only thread.
 */
#include "symbolize/symbolize.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "formats/formats.h"
#include "name_places.h"
#include "name_progress.h"
#include "perf_map_arguments.h"
#include "profile_argument.h"
#include "unused_files.h"
#include "util/output_file.h"

struct arguments {
    const char *file, *output; /* `output` NULL: FILE itself */
    bool is_in_place;
    int demangle;
    struct sp_symbolize_options options;
    struct sp_perf_map_arguments maps;
    struct sp_name_places places;
};

/* What the options say together. */
static int check_arguments(const struct arguments *arguments)
{
    const struct sp_command *self = &sp_command_symbolize;
    if (!arguments->file)
        return sp_usage_error(self, "FILE is missing");
    if (arguments->output && arguments->is_in_place)
        return sp_usage_error(self, "-o writes another file, --in-place the same: one of the two");
    if (!arguments->output && !arguments->is_in_place)
        return sp_usage_error(self, "where is the result to go? Give -o FILE, or --in-place to replace %s",
                              arguments->file);
    if (arguments->output && arguments->output[0] == '\0')
        return sp_usage_error(self, "-o needs a file name");
    if (arguments->is_in_place && strcmp(arguments->file, "-") == 0)
        return sp_usage_error(self, "standard input cannot be replaced; give -o FILE");
    return SP_EXIT_OK;
}

static int take_perf_map(const struct sp_command *command, const struct sp_option *option, const char *value, void *to)
{
    (void)option;
    return sp_perf_map_arguments_add(to, command, value);
}

static const char *const styles[] = {
    [SP_DEMANGLE_SHORT] = "short", [SP_DEMANGLE_FULL] = "full", [SP_DEMANGLE_NONE] = "none", NULL};

static const struct sp_option options[] = {
    {.name = "output",
     .letter = 'o',
     .value_name = "FILE",
     .help = "write the named profile there; - is standard output",
     .take = sp_take_text,
     .offset = offsetof(struct arguments, output)},
    {.name = "in-place",
     .letter = 'i',
     .help = "replace FILE itself",
     .take = sp_take_flag,
     .offset = offsetof(struct arguments, is_in_place)},
    {.name = "force",
     .letter = 'f',
     .help = "look up addresses that have names, too; where nothing is found, the old\nnames stay",
     .take = sp_take_flag,
     .offset = offsetof(struct arguments, options.is_forced)},
    {.name = "demangle",
     .value_name = "STYLE",
     .help = "names of C++, Rust and D: short (default; as pprof shows them), full (with\n"
             "parameters and template arguments), none (as in the symbol table)",
     .take = sp_take_choice,
     .choices = styles,
     .offset = offsetof(struct arguments, demangle)},
    {.name = "perf-map",
     .value_name = "[PID=]MAP",
     .help = "names of code made at run time, from a /tmp/perf-PID.map that you know to be\n"
             "of the recorded process; with PID= where the profile is of several. May be\ngiven again",
     .take = take_perf_map,
     .offset = offsetof(struct arguments, maps)},
};
static const struct sp_option_set sets[] = {
    SP_OPTION_SET(NULL, options, 0),
    {NULL, sp_name_places_options, SP_NAME_PLACES_OPTIONS, offsetof(struct arguments, places)}};

static int take_word(const struct sp_command *command, const char *word, void *to)
{
    struct arguments *arguments = to;
    return sp_profile_argument_take(command, &arguments->file, word);
}

static int parse(int argc, char **argv, struct arguments *arguments)
{
    const int status = sp_options_parse(&sp_command_symbolize, argc, argv, arguments);
    arguments->options.demangle = (enum sp_demangle_style)arguments->demangle;
    return status == SP_EXIT_OK ? check_arguments(arguments) : status;
}

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* Locations that no file can name: they are in no mapping. */
static uint64_t count_homeless(const struct sp_profile *profile)
{
    uint64_t n = 0;
    for (size_t i = 0; i < profile->locations.n; i++)
        n += profile->locations.at[i].n_lines == 0 && profile->locations.at[i].mapping >= profile->mappings.n;
    return n;
}

/* `from_maps` addresses have been named besides. */
static void print_summary(const struct sp_profile *profile, const struct sp_symbolize_stats *stats, uint64_t from_maps)
{
    const uint64_t homeless = count_homeless(profile);
    if (stats->locations > 0)
        sp_complain("named %" PRIu64 " of %" PRIu64 " address%s; opened %" PRIu64 " file%s", stats->named,
                    stats->locations, stats->locations == 1 ? "" : "es", stats->modules, plural(stats->modules));
    else if (from_maps == 0 && profile->locations.n > homeless)
        sp_complain("nothing to do: every address has a name (--force looks them up anew)");
    else if (from_maps == 0 && homeless == 0)
        sp_complain("nothing to do: the profile has no addresses");
    if (homeless > 0)
        sp_complain("%" PRIu64 " address%s in no mapping: the profile does not say of which file", homeless,
                    homeless == 1 ? " is" : "es are");
    sp_unused_files_print(profile, stats, false);
}

/* `output` is open, or none: standard output. 0 or -errno. */
static int encode_and_write(const struct sp_profile *profile, struct sp_output_file *output)
{
    struct sp_bytes bytes = {0};
    int error = sp_formats[0]->write(profile, NULL, &bytes);
    if (error == 0)
        error = sp_output_write(output->path == NULL ? STDOUT_FILENO : output->fd, bytes.at, bytes.n);
    sp_bytes_done(&bytes);
    return error == 0 && output->path != NULL ? sp_output_commit(output) : error;
}

/* What the user has said of code made at run time goes first; no file knows of it. */
static int name_made_code(struct sp_profile *profile, const struct arguments *arguments,
                          struct sp_perf_files_stats *stats)
{
    return sp_perf_map_arguments_name(&arguments->maps, profile, arguments->options.is_forced,
                                      arguments->options.demangle, stats);
}

static int name_profile(struct sp_profile *profile, struct arguments *arguments, struct sp_symbolize_stats *stats)
{
    struct sp_name_progress progress;
    sp_name_progress_begin(&progress, STDERR_FILENO, SP_NAME_PROGRESS_DELAY_MS, &arguments->options);
    sp_name_places_begin(&arguments->places, &arguments->options.places, &progress);
    const int error = sp_symbolize_profile(profile, &arguments->options, stats);
    sp_name_progress_end(&progress);
    sp_name_places_end(&arguments->places);
    if (error == 0)
        return SP_EXIT_OK;
    sp_complain("%s: there is not enough memory for the names", arguments->file);
    return SP_EXIT_FAILED;
}

static int fail_to_write(const char *path, int error)
{
    sp_complain("cannot write %s: %s", path, strerror(-error));
    return SP_EXIT_FAILED;
}

/* Where the result goes; "-" is standard output. */
static const char *result_path(const struct arguments *arguments)
{
    return arguments->is_in_place ? arguments->file : arguments->output;
}

static bool is_stdout(const char *path)
{
    return strcmp(path, "-") == 0;
}

static int write_profile(const struct sp_profile *profile, const char *path, struct sp_output_file *output)
{
    const bool is_open = output->path != NULL || is_stdout(path);
    int error = is_open ? 0 : sp_output_open(path, output);
    if (error == 0)
        error = encode_and_write(profile, output);
    if (error != 0)
        return fail_to_write(is_stdout(path) ? "standard output" : path, error);
    if (!is_stdout(path))
        sp_complain("wrote %s; look at it with: sigprof top %s", path, path);
    return SP_EXIT_OK;
}

/* Names the profile and writes it. A file that would stay as it is is not replaced. */
static int name_and_write(struct sp_profile *profile, struct arguments *arguments, struct sp_output_file *output)
{
    struct sp_symbolize_stats stats;
    struct sp_perf_files_stats made;
    int status = name_made_code(profile, arguments, &made);
    if (status == SP_EXIT_OK)
        status = name_profile(profile, arguments, &stats);
    if (status != SP_EXIT_OK)
        return status;
    if (arguments->options.is_forced) /* else they are not looked at again */
        stats.anonymous -= made.named < stats.anonymous ? made.named : stats.anonymous;
    print_summary(profile, &stats, made.named);
    if (!arguments->is_in_place || stats.named > 0 || made.named > 0)
        return write_profile(profile, result_path(arguments), output);
    sp_complain("%s stays as it is", arguments->file);
    return SP_EXIT_OK;
}

/*
 * Before the work: names that cannot be kept are not looked up. A file is opened only to see that it can be, lest its
 * temporary one stay behind when the user loses patience; what reads from a pipe would take that for the end.
 */
static int check_output(const char *path, struct sp_output_file *output)
{
    if (!is_stdout(path)) {
        const int error = sp_output_open(path, output);
        if (error == 0 && output->temporary != NULL)
            sp_output_abandon(output);
        return error == 0 ? SP_EXIT_OK : fail_to_write(path, error);
    }
    if (!isatty(STDOUT_FILENO))
        return SP_EXIT_OK;
    sp_complain("a profile is binary and standard output is a terminal; redirect it, or give -o FILE");
    return SP_EXIT_FAILED;
}

static int run(int argc, char **argv)
{
    struct arguments arguments = {.options.threads = UINT_MAX};
    struct sp_output_file output = {0};
    struct sp_profile *profile = NULL;
    int status = parse(argc, argv, &arguments);
    if (status == SP_EXIT_OK)
        status = sp_name_places_open(&arguments.places);
    if (status == SP_EXIT_OK)
        status = sp_profile_argument_read(arguments.file, &profile);
    if (status == SP_EXIT_OK)
        status = check_output(result_path(&arguments), &output);
    if (status == SP_EXIT_OK)
        status = name_and_write(profile, &arguments, &output);
    sp_output_abandon(&output);
    sp_perf_map_arguments_done(&arguments.maps);
    sp_name_places_done(&arguments.places);
    if (profile)
        sp_profile_free(profile);
    return status;
}

const struct sp_command sp_command_symbolize = {
    .name = "symbolize",
    .usage = "symbolize (-o FILE | -i) [OPTION...] FILE",
    .summary = "give names to the addresses of a profile",
    .sets = sets,
    .n_sets = sizeof sets / sizeof sets[0],
    .take_word = take_word,
    .help =
        "FILE is a profile of any profiler; - is stdin.\n\n"
        "Names come from the files that the profile's mappings tell, and their debug files. A file whose build id is\n"
        "not the one that was recorded is not used. What has no name keeps its address.\n",
    .run = run,
};
