/*
 * `sigprof merge`: several profiles into one, by pprof's rules.
 *
 * Place on the way of a sample: files → formats → profile/merge → formats → file. Few profiles are in memory at
 * a time, besides the merged one. A file that cannot be read, or does not go with those before it, ends the command
 * with nothing written: a sum that silently lacks a part would look like the whole.
 *
 * Context: ordinary code of the command's only thread.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "formats/formats.h"
#include "profile/merge.h"
#include "read_ahead.h"
#include "util/clock.h"
#include "util/output_file.h"

enum {
    WHY_BYTES = 320,          /* at least SP_READ_AHEAD_WHY_BYTES */
    PROGRESS_AFTER_MS = 1000, /* what is done sooner needs no line */
    PROGRESS_EVERY_MS = 200,
    NS_PER_MS = 1000000,
};

struct arguments {
    const char *output; /* NULL or "-": standard output */
    struct sp_words files;
};

/* A line on the terminal that tells how far the work is. */
struct progress {
    bool is_watched, is_drawn;
    int64_t next_ns;
};

static int check_arguments(const struct arguments *arguments)
{
    int n_stdin = 0;
    for (size_t i = 0; i < arguments->files.n; i++)
        n_stdin += strcmp(arguments->files.at[i], "-") == 0;
    if (arguments->files.n == 0)
        return sp_usage_error(&sp_command_merge, "FILE is missing");
    if (arguments->output && arguments->output[0] == '\0')
        return sp_usage_error(&sp_command_merge, "-o needs a file name");
    if (n_stdin > 1)
        return sp_usage_error(&sp_command_merge, "standard input can be read once only");
    return SP_EXIT_OK;
}

static const struct sp_option options[] = {
    {.name = "output",
     .letter = 'o',
     .value_name = "OUT",
     .help = "where the profile goes, in the pprof format; without it, to standard output",
     .take = sp_take_text,
     .offset = offsetof(struct arguments, output)},
};
static const struct sp_option_set sets[] = {SP_OPTION_SET(NULL, options, 0)};

static int take_word(const struct sp_command *command, const char *word, void *to)
{
    (void)command;
    return sp_words_add(&((struct arguments *)to)->files, word);
}

static struct progress progress_begin(void)
{
    const char *terminal = getenv("TERM");
    return (struct progress){
        .is_watched = isatty(STDERR_FILENO) && terminal != NULL && strcmp(terminal, "dumb") != 0,
        .next_ns = sp_now_ns() + (int64_t)PROGRESS_AFTER_MS * NS_PER_MS,
    };
}

static void progress_show(struct progress *progress, size_t done, size_t n)
{
    if (!progress->is_watched || sp_now_ns() < progress->next_ns)
        return;
    fprintf(stderr, "\r\033[Ksigprof: merged %zu of %zu files", done, n);
    progress->is_drawn = true;
    progress->next_ns = sp_now_ns() + (int64_t)PROGRESS_EVERY_MS * NS_PER_MS;
}

static void progress_end(struct progress *progress)
{
    if (progress->is_drawn)
        fputs("\r\033[K", stderr);
    progress->is_drawn = false;
}

static int add_next(struct sp_merger *merger, struct sp_read_ahead *ahead, char why[WHY_BYTES])
{
    struct sp_profile *profile;
    int error = sp_read_ahead_next(ahead, &profile, why);
    if (error != 0)
        return error;
    sp_profile_ensure_mapping(profile); /* as pprof does */
    error = sp_profile_error(profile);
    if (error != 0)
        snprintf(why, WHY_BYTES, "%s", strerror(-error));
    else
        error = sp_merger_add(merger, profile, why, WHY_BYTES);
    sp_profile_free(profile);
    return error;
}

static int add_files(struct sp_merger *merger, struct sp_read_ahead *ahead, const struct arguments *arguments)
{
    struct progress progress = progress_begin();
    char why[WHY_BYTES];
    int error = 0;
    size_t i = 0;
    for (; i < arguments->files.n; i++) {
        progress_show(&progress, i, arguments->files.n);
        error = add_next(merger, ahead, why);
        if (error != 0)
            break;
    }
    progress_end(&progress);
    if (error == 0)
        return SP_EXIT_OK;
    sp_complain("%s: %s", strcmp(arguments->files.at[i], "-") == 0 ? "stdin" : arguments->files.at[i], why);
    return SP_EXIT_FAILED;
}

/* The files' profiles as one, the caller's to free; or says why not. */
static int merge(const struct arguments *arguments, struct sp_profile **merged)
{
    struct sp_merger *merger = sp_merger_new();
    struct sp_read_ahead *ahead = merger != NULL ? sp_read_ahead_new(arguments->files.at, arguments->files.n) : NULL;
    char why[WHY_BYTES] = "there is not enough memory to merge";
    int status = ahead != NULL ? add_files(merger, ahead, arguments) : SP_EXIT_FAILED;
    if (ahead == NULL || (status == SP_EXIT_OK && sp_merger_finish(merger, merged, why, sizeof why) != 0)) {
        sp_complain("%s", why);
        status = SP_EXIT_FAILED;
    }
    sp_read_ahead_free(ahead);
    sp_merger_free(merger);
    return status;
}

static bool is_to_stdout(const struct arguments *arguments)
{
    return arguments->output == NULL || strcmp(arguments->output, "-") == 0;
}

static int write_bytes(const struct arguments *arguments, const struct sp_bytes *bytes)
{
    struct sp_output_file file = {.fd = -1};
    if (is_to_stdout(arguments))
        return sp_output_write(STDOUT_FILENO, bytes->at, bytes->n);
    int error = sp_output_open(arguments->output, &file);
    if (error == 0)
        error = sp_output_write(file.fd, bytes->at, bytes->n);
    if (error == 0)
        error = sp_output_commit(&file);
    sp_output_abandon(&file);
    return error;
}

static int write_profile(const struct arguments *arguments, const struct sp_profile *profile)
{
    const struct sp_write_options how = {.value_index = SP_VALUE_DEFAULT, .may_use_threads = true};
    struct sp_bytes bytes = {0};
    int error = sp_formats[0]->write(profile, &how, &bytes);
    if (error == 0)
        error = write_bytes(arguments, &bytes);
    sp_bytes_done(&bytes);
    if (error == 0)
        return SP_EXIT_OK;
    sp_complain("%s cannot be written: %s", is_to_stdout(arguments) ? "standard output" : arguments->output,
                strerror(-error));
    return SP_EXIT_FAILED;
}

static int run(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct sp_profile *merged = NULL;
    int status = sp_options_parse(&sp_command_merge, argc, argv, &arguments);
    if (status == SP_EXIT_OK)
        status = check_arguments(&arguments);
    if (status == SP_EXIT_OK && is_to_stdout(&arguments) && isatty(STDOUT_FILENO)) {
        sp_complain("a profile is binary and standard output is a terminal; redirect it, or give -o OUT");
        status = SP_EXIT_FAILED;
    }
    if (status == SP_EXIT_OK)
        status = merge(&arguments, &merged);
    if (status == SP_EXIT_OK)
        status = write_profile(&arguments, merged);
    sp_profile_free(merged);
    free(arguments.files.at);
    return status;
}

const struct sp_command sp_command_merge = {
    .name = "merge",
    .usage = "merge [-o OUT] FILE...",
    .summary = "add up several profiles into one",
    .sets = sets,
    .n_sets = 1,
    .take_word = take_word,
    .help =
        "FILEs are profiles of the same kind, in any format that sigprof reads; - is stdin.\n"
        "\n"
        "The result is that of `go tool pprof -proto FILE...`: the same code in the same file is the same, wherever\n"
        "it was in memory; samples with the same stack and labels are added up; of sample types, those that all\n"
        "files have are kept. Nothing is written when a file cannot be read or does not go with the others.\n",
    .run = run,
};
