/*
 * `sigprof diff`: what differs between two profiles, beyond what sampling does by itself.
 *
 * Place on the way of a sample: two files → formats → report → stdout. The last step.
 * Context: ordinary code of the command's only thread.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "cut_lines.h"
#include "frame_limit.h"
#include "report/diff.h"
#include "sources.h"
#include "terminal.h"

enum { WHY_BYTES = 512, MOST_PERCENT = 1000000 };

struct arguments {
    struct sp_diff_options options;
    struct sp_terminal_options terminal;
    bool wants_json;
    double limit;     /* --fail-over, in percent; negative: none */
    double variation; /* --run-variation, in percent */
    const char *files[SP_N_SIDES];
};

#define AT(member) offsetof(struct arguments, member)
static const struct sp_option options[] = {
    {.name = "nodecount",
     .letter = 'n',
     .value_name = "N",
     .help = "at most N functions (all that differ, or took 0.5 %)",
     .take = sp_take_count,
     .offset = AT(options.n_most)},
    {.name = "normalize",
     .help = "scale NEW to OLD's total: compare shares, not amounts",
     .take = sp_take_flag,
     .offset = AT(options.is_normalized)},
    {.name = "per-second",
     .help = "divide each by how long it was recorded",
     .take = sp_take_flag,
     .offset = AT(options.is_per_second)},
    {.name = "run-variation",
     .value_name = "PERCENT",
     .help = "how much runs vary by themselves, beyond sampling (1)",
     .take = sp_take_real,
     .least = 0,
     .most = MOST_PERCENT,
     .offset = AT(variation)},
    {.name = "sample-index",
     .value_name = "NAME|N",
     .help = "which of the profiles' values to compare",
     .take = sp_take_text,
     .offset = AT(options.sample_type)},
    {.name = "fail-over",
     .value_name = "PERCENT",
     .help = "exit with 1 when something grew by more, beyond error",
     .take = sp_take_real,
     .least = 0,
     .most = MOST_PERCENT,
     .offset = AT(limit)},
    {.name = "json", .help = "one JSON object instead", .take = sp_take_flag, .offset = AT(wants_json)},
};
static const struct sp_option_set sets[] = {SP_OPTION_SET(NULL, options, 0),
                                            {NULL, sp_terminal_options, SP_TERMINAL_OPTIONS, AT(terminal)}};

static int take_word(const struct sp_command *command, const char *word, void *to)
{
    struct arguments *arguments = to;
    const enum sp_side side = arguments->files[SP_OLD] ? SP_NEW : SP_OLD;
    if (arguments->files[side])
        return sp_usage_error(command, "two files, OLD and NEW, not \"%s\" too", word);
    arguments->files[side] = word;
    return SP_EXIT_OK;
}

static int parse(int argc, char **argv, struct arguments *arguments)
{
    const int status = sp_options_parse(&sp_command_diff, argc, argv, arguments);
    arguments->options.run_variation = arguments->variation / 100;
    if (status == SP_EXIT_OK && !arguments->files[SP_NEW])
        return sp_usage_error(&sp_command_diff, "%s", arguments->files[SP_OLD] ? "NEW is missing" : "OLD is missing");
    return status;
}

/* With --fail-over: whether something grew by more. */
static int judge(const struct arguments *arguments, const struct sp_diff *diff)
{
    const struct sp_diff_row *row;
    if (arguments->limit < 0)
        return SP_EXIT_OK;
    if (diff->errors == SP_ERRORS_UNKNOWN) {
        sp_complain("the sampling error of %s is not known: --fail-over cannot tell growth from chance", diff->type);
        return SP_EXIT_FAILED;
    }
    double growth = sp_diff_worst_growth(diff, &row);
    if (growth <= arguments->limit)
        return SP_EXIT_OK;
    sp_complain("%s grew by %.1f %%: more than %g %%", row ? row->name : "the total", growth, arguments->limit);
    return SP_EXIT_FAILED;
}

/* The report as text, to be freed: 0 or -ENOMEM. */
static int render(const struct arguments *arguments, const struct sp_diff *diff, char **text, size_t *size)
{
    FILE *memory = open_memstream(text, size);
    if (!memory)
        return -ENOMEM;
    (arguments->wants_json ? sp_diff_print_json : sp_diff_print)(diff, memory);
    const bool has_failed = ferror(memory) != 0;
    if (fclose(memory) != 0 || has_failed)
        return -ENOMEM;
    if (sp_terminal_is_on(&arguments->terminal))
        *size = sp_make_harmless(*text, *size);
    return 0;
}

static int show(const struct arguments *arguments, const struct sp_diff *diff)
{
    char *text = NULL;
    size_t size = 0;
    int status = SP_EXIT_FAILED;
    if (render(arguments, diff, &text, &size) == 0)
        status = sp_terminal_show(&arguments->terminal, arguments->wants_json, text, size);
    else
        sp_complain("there is not enough memory for the report");
    free(text);
    return status == SP_EXIT_OK ? judge(arguments, diff) : status;
}

static int compare(const struct arguments *arguments, const struct sp_profile *const profiles[SP_N_SIDES])
{
    struct sp_diff diff;
    char why[WHY_BYTES] = "";
    int error = sp_diff_init(&diff, profiles, &arguments->options, why, sizeof(why)), status = SP_EXIT_FAILED;
    if (error == -EINVAL)
        sp_complain("%s", why);
    else if (error)
        sp_complain("there is not enough memory to compare %s and %s", arguments->files[SP_OLD],
                    arguments->files[SP_NEW]);
    else
        status = show(arguments, &diff);
    sp_diff_done(&diff);
    return status;
}

/* One side's profile, as other reports see it. */
static int read_side(const char *file, struct sp_profile **profile)
{
    struct sp_sources sources = {0};
    int status = sp_words_add(&sources.files, file);
    if (status == SP_EXIT_OK)
        status = sp_sources_read(&sources, false, profile);
    sp_sources_done(&sources);
    char why[WHY_BYTES];
    if (status != SP_EXIT_OK || sp_limit_frames(*profile, SP_MOST_FRAMES, why, sizeof why) == 0)
        return status;
    sp_complain("%s: %s", file, why);
    return SP_EXIT_FAILED;
}

static int run(int argc, char **argv)
{
    struct arguments arguments = {.options = {.sample_type = ""}, .limit = -1, .variation = 1};
    struct sp_profile *profiles[SP_N_SIDES] = {NULL, NULL};
    int status = parse(argc, argv, &arguments);
    for (enum sp_side side = SP_OLD; status == SP_EXIT_OK && side < SP_N_SIDES; side++) {
        arguments.options.names[side] = arguments.files[side];
        status = read_side(arguments.files[side], &profiles[side]);
    }
    if (status == SP_EXIT_OK)
        status = compare(&arguments, (const struct sp_profile *const[]){profiles[SP_OLD], profiles[SP_NEW]});
    sp_profile_free(profiles[SP_OLD]);
    sp_profile_free(profiles[SP_NEW]);
    return status;
}

const struct sp_command sp_command_diff = {
    .name = "diff",
    .usage = "diff [OPTION...] OLD NEW",
    .summary = "show what differs between two profiles, beyond sampling error",
    .sets = sets,
    .n_sets = sizeof sets / sizeof sets[0],
    .take_word = take_word,
    .help = "OLD and NEW are profiles as sigprof top takes them; - is stdin.\n\n"
            "Functions are matched by name and file. A * marks what differs: at 95 % for all\n"
            "functions together, sampling alone does not do that.\n",
    .run = run,
};
