/*
 * `sigprof info`: does the profile add up, and if not, what is missing?
 *
 * Place on the way of a sample: beside the report; file → formats → info → stdout.
 * Context: ordinary code of the command's only thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "cut_lines.h"
#include "info_model.h"
#include "profile_argument.h"

struct arguments {
    const char *file;
    bool is_json, has_all_rows;
};

static const struct sp_option options[] = {
    {.name = "json",
     .help = "one JSON object instead",
     .take = sp_take_flag,
     .offset = offsetof(struct arguments, is_json)},
    {.name = "all",
     .help = "all processes and threads, not only the first 20",
     .take = sp_take_flag,
     .offset = offsetof(struct arguments, has_all_rows)},
};
static const struct sp_option_set sets[] = {SP_OPTION_SET(NULL, options, 0)};

static int take_word(const struct sp_command *command, const char *word, void *to)
{
    struct arguments *arguments = to;
    return sp_profile_argument_take(command, &arguments->file, word);
}

static int parse(int argc, char **argv, struct arguments *arguments)
{
    const int status = sp_options_parse(&sp_command_info, argc, argv, arguments);
    if (status == SP_EXIT_OK && !arguments->file)
        return sp_usage_error(&sp_command_info, "FILE is missing");
    return status;
}

/* Names of threads and comments are a stranger's: a terminal does not get their control characters. */
static int show(const struct sp_info *info, const struct arguments *arguments)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (memory)
        sp_info_print_text(info, arguments->has_all_rows, memory);
    const bool has_failed = !memory || ferror(memory);
    if ((memory && fclose(memory) != 0) || has_failed) {
        free(text);
        return -ENOMEM;
    }
    fwrite(text, 1, isatty(STDOUT_FILENO) ? sp_make_harmless(text, size) : size, stdout);
    free(text);
    return 0;
}

static int print(const struct sp_profile *profile, const struct arguments *arguments)
{
    struct sp_info info;
    int error = sp_info_init(&info, arguments->file, profile);
    if (!error && arguments->is_json)
        sp_info_print_json(&info, stdout);
    else if (!error)
        error = show(&info, arguments);
    sp_info_done(&info);
    if (!error)
        return sp_finish_stdout();
    sp_complain("%s: there is not enough memory to show it", arguments->file);
    return SP_EXIT_FAILED;
}

static int run(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct sp_profile *profile;
    int status = parse(argc, argv, &arguments);
    if (status == SP_EXIT_OK)
        status = sp_profile_argument_read(arguments.file, &profile);
    if (status != SP_EXIT_OK)
        return status;
    status = print(profile, &arguments);
    sp_profile_free(profile);
    return status;
}

const struct sp_command sp_command_info = {
    .name = "info",
    .usage = "info [--json] [--all] FILE",
    .summary = "show whether a profile adds up: samples, losses, CPU time of each thread",
    .sets = sets,
    .n_sets = 1,
    .take_word = take_word,
    .help = "FILE is a profile of any profiler, in any format that sigprof reads; - is stdin.\n"
            "\n"
            "CPU time by the kernel = recorded + lost + unsampled + outside. Profiles of other profilers have no\n"
            "ledger; of them their types, mappings and comments are shown.\n",
    .run = run,
};
