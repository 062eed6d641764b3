/*
 * `sigprof diff`: what differs between two profiles, beyond what sampling does by itself.
 *
 * Place on the way of a sample: two files → formats → select → report → stdout. The last step. Each side goes through
 * the selection that a report of it alone would have (view_select.h).
 *
 * Context: ordinary code of the command's only thread.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "frame_limit.h"
#include "render.h"
#include "report/diff.h"
#include "view_select.h"

enum { WHY_BYTES = 512, MOST_PERCENT = 1000000 };

struct arguments {
    struct sp_view_options view; /* its files are OLD and NEW */
    struct sp_diff_options diff;
    double limit;     /* --fail-over, in percent; negative: none */
    double variation; /* --run-variation, in percent */
};

/* One of the two profiles, selected. */
struct side {
    struct sp_profile *profile;
    struct sp_diff_whole whole;
};

#define AT(member) offsetof(struct arguments, member)
static const struct sp_option options[] = {
    {.name = "normalize",
     .help = "scale NEW to OLD's total: compare shares, not amounts; the total is that of the\n"
             "whole profile, or of what the filters leave with --relative-percentages",
     .take = sp_take_flag,
     .offset = AT(diff.is_normalized)},
    {.name = "per-second",
     .help = "divide each by how long it was recorded",
     .take = sp_take_flag,
     .offset = AT(diff.is_per_second)},
    {.name = "run-variation",
     .value_name = "PERCENT",
     .help = "how much runs vary by themselves, beyond sampling (1)",
     .take = sp_take_real,
     .least = 0,
     .most = MOST_PERCENT,
     .offset = AT(variation)},
    {.name = "fail-over",
     .value_name = "PERCENT",
     .help = "exit with 1 when something grew by more, beyond error",
     .take = sp_take_real,
     .least = 0,
     .most = MOST_PERCENT,
     .offset = AT(limit)},
};
static const struct sp_option_set sets[] = {
    SP_OPTION_SET("What differs", options, 0),
    {"Which samples, frames and labels, on both sides", sp_view_filters, SP_VIEW_FILTERS, AT(view)},
    {"Which values", sp_view_values, SP_VIEW_VALUES, AT(view)},
    {"Rows and order; what differs comes first", sp_view_limits, SP_VIEW_LIMITS, AT(view)},
    {NULL, sp_view_rows, SP_VIEW_ROWS, AT(view)},
    {"Output", sp_view_output, SP_VIEW_OUTPUT, AT(view)},
    {NULL, sp_terminal_options, SP_TERMINAL_OPTIONS, AT(view.terminal)},
};

static int take_word(const struct sp_command *command, const char *word, void *to)
{
    struct sp_sources *sources = &((struct arguments *)to)->view.sources;
    if (sources->files.n == SP_N_SIDES)
        return sp_usage_error(command, "two files, OLD and NEW, not \"%s\" too", word);
    return sp_sources_take_file(sources, word);
}

static const char *file_of(const struct arguments *arguments, enum sp_side side)
{
    return arguments->view.sources.files.at[side];
}

/* What the comparison is told of the view's options; filters and wholes come later. */
static void take_view(struct arguments *arguments)
{
    const struct sp_view_options *view = &arguments->view;
    struct sp_diff_options *diff = &arguments->diff;
    diff->sample_type = view->sample_index ? view->sample_index : "";
    diff->is_relative = view->is_relative;
    diff->by = sp_view_granularity(view).by;
    diff->by_cum = view->sort == SP_SORT_CUM;
    diff->n_most = view->node_count == SIZE_MAX ? 0 : view->node_count;
    diff->large = view->has_trim ? view->node_fraction : 0;
    diff->unit = view->unit;
    diff->trim_path = view->trim_path;
    diff->run_variation = arguments->variation / 100;
    for (enum sp_side side = SP_OLD; side < SP_N_SIDES; side++)
        diff->names[side] = file_of(arguments, side);
}

static int parse(int argc, char **argv, struct arguments *arguments)
{
    int status = sp_options_parse(&sp_command_diff, argc, argv, arguments);
    const size_t n_files = arguments->view.sources.files.n;
    if (status == SP_EXIT_OK && n_files < SP_N_SIDES)
        status = sp_usage_error(&sp_command_diff, "%s", n_files > 0 ? "NEW is missing" : "OLD is missing");
    if (status == SP_EXIT_OK)
        status = sp_view_check(&sp_command_diff, &arguments->view);
    if (status == SP_EXIT_OK)
        take_view(arguments);
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

struct printing {
    const struct arguments *arguments;
    const struct sp_diff *diff;
};

static int print(void *context, FILE *out)
{
    const struct printing *printing = context;
    (printing->arguments->view.is_json ? sp_diff_print_json : sp_diff_print)(printing->diff, out);
    return 0;
}

static int show(const struct arguments *arguments, const struct sp_diff *diff)
{
    const struct sp_terminal_options *terminal = &arguments->view.terminal;
    struct printing printing = {arguments, diff};
    char *text = NULL;
    size_t size = 0;
    int status = SP_EXIT_FAILED;
    if (sp_render(print, &printing, sp_terminal_is_on(terminal), &text, &size) == 0)
        status = sp_terminal_show(terminal, arguments->view.is_json, text, size);
    else
        sp_complain("there is not enough memory for the report");
    free(text);
    return status == SP_EXIT_OK ? judge(arguments, diff) : status;
}

static int compare(const struct arguments *arguments, const struct side sides[SP_N_SIDES])
{
    struct sp_profile *const profiles[] = {sides[SP_OLD].profile, sides[SP_NEW].profile};
    const struct sp_diff_whole wholes[] = {sides[SP_OLD].whole, sides[SP_NEW].whole};
    struct sp_active_filters filters = {0};
    struct sp_diff_options how = arguments->diff;
    struct sp_diff diff = {0};
    char why[WHY_BYTES] = "";
    int error = sp_active_filters_init(&filters, &arguments->view.selection), status = SP_EXIT_FAILED;
    how.wholes = wholes;
    how.active_filters = (const char *const *)filters.at;
    how.n_active_filters = filters.n;
    if (!error)
        error = sp_diff_init(&diff, profiles, &how, why, sizeof(why));
    if (error == -EINVAL)
        sp_complain("%s", why);
    else if (error)
        sp_complain("there is not enough memory to compare %s and %s", file_of(arguments, SP_OLD),
                    file_of(arguments, SP_NEW));
    else
        status = show(arguments, &diff);
    sp_diff_done(&diff);
    sp_active_filters_done(&filters);
    return status;
}

/* How finely frames are told apart. Namesakes in different files are different functions: their files are kept. */
static struct sp_granularity_options granularity_of(const struct arguments *arguments)
{
    struct sp_granularity_options granularity = sp_view_granularity(&arguments->view);
    if (granularity.by == SP_BY_FUNCTION)
        granularity.by = SP_BY_FILE_AND_FUNCTION;
    return granularity;
}

/* Measures the side and leaves of it what is to be compared: 0 or an error, whose reason may be in `why`. */
static int select_side(const struct arguments *arguments, enum sp_side which, struct side *side, char why[WHY_BYTES])
{
    struct sp_view_select select = {.options = &arguments->view,
                                    .profile = side->profile,
                                    .side = which == SP_OLD ? "OLD" : "NEW",
                                    .why = why,
                                    .why_size = WHY_BYTES};
    const struct sp_granularity_options granularity = granularity_of(arguments);
    int error = sp_diff_measure(side->profile, arguments->diff.sample_type, &side->whole, why, WHY_BYTES);
    if (!error)
        error = sp_view_select_first(&select);
    if (!error)
        error = sp_view_select_rest(&select, &granularity, SP_MOST_FRAMES);
    sp_view_select_done(&select);
    return error;
}

/* One side's profile, as other reports see it, selected. */
static int read_side(const struct arguments *arguments, enum sp_side which, struct side *side)
{
    const char *file = file_of(arguments, which);
    const struct sp_sources one = {.files = {.at = &(const char *){file}, .n = 1}};
    char why[WHY_BYTES] = "";
    const int status = sp_sources_read(&one, false, &side->profile);
    const int error = status == SP_EXIT_OK ? select_side(arguments, which, side, why) : 0;
    if (error == 0)
        return status;
    sp_complain("%s: %s", sp_sources_name(&one), why[0] ? why : strerror(-error));
    return SP_EXIT_FAILED;
}

static int run(int argc, char **argv)
{
    struct arguments arguments = {.view = SP_VIEW_DEFAULTS, .limit = -1, .variation = 1};
    struct side sides[SP_N_SIDES] = {{0}};
    int status = parse(argc, argv, &arguments);
    for (enum sp_side side = SP_OLD; status == SP_EXIT_OK && side < SP_N_SIDES; side++)
        status = read_side(&arguments, side, &sides[side]);
    if (status == SP_EXIT_OK)
        status = compare(&arguments, sides);
    sp_profile_free(sides[SP_OLD].profile);
    sp_profile_free(sides[SP_NEW].profile);
    sp_sources_done(&arguments.view.sources);
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
            "Functions, files and lines are matched by name and file, addresses by build id. A * marks\n"
            "what differs: at 95 % for all rows together, sampling alone does not do that.\n",
    .run = run,
};
