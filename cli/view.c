/*
 * Read, select, print. See view.h; the order of the steps is in view_select.h.
 *
 * Context: ordinary code of the command's only thread.
 */
#include "view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frame_limit.h"
#include "render.h"
#include "report_color.h"
#include "view_select.h"

enum { WHY_BYTES = 512 };

/* A view on its way. */
struct work {
    const struct sp_view *view;
    const struct sp_view_options *options;
    struct sp_profile *profile;
    struct sp_regex *symbol;
    struct sp_active_filters filters; /* as headers show them */
    char why[WHY_BYTES];
};

static int out_of_memory(const struct work *work)
{
    sp_complain("%s: there is not enough memory for the report", sp_sources_name(&work->options->sources));
    return SP_EXIT_FAILED;
}

/* Tells a step's error, which may have left its reason. */
static int fail(const struct work *work, int error)
{
    if (error == -ENOMEM)
        return out_of_memory(work);
    sp_complain("%s: %s", sp_sources_name(&work->options->sources), work->why[0] ? work->why : strerror(-error));
    return SP_EXIT_FAILED;
}

/* An expression that is a number is an address, too. */
static uint64_t address_of(const char *symbol)
{
    char *end;
    errno = 0;
    const unsigned long long address = strtoull(symbol, &end, 0);
    return symbol[0] >= '0' && symbol[0] <= '9' && *end == '\0' && errno == 0 ? address : 0;
}

static int compile_symbol(struct work *work)
{
    char reason[WHY_BYTES / 2];
    if (!work->options->has_symbol)
        return 0;
    const int error = sp_regex_new(work->options->symbol, &work->symbol, reason, sizeof reason);
    if (error == -EINVAL)
        snprintf(work->why, sizeof work->why, "parsing argument regexp %s: %s", work->options->symbol, reason);
    return error;
}

static void set_limits(const struct work *work, struct sp_report_options *report)
{
    const struct sp_view_options *options = work->options;
    if (work->view->is_untrimmed || !options->has_trim)
        return;
    report->node_count = options->node_count == SIZE_MAX ? work->view->node_count : options->node_count;
    report->node_fraction = options->node_fraction;
    report->edge_fraction = options->edge_fraction;
}

/* What the report is told: 0 or an error with its reason. */
static int make_report_options(struct work *work, struct sp_report_options *report)
{
    const struct sp_view_options *options = work->options;
    *report = (struct sp_report_options){
        .mean_index = options->is_mean ? 0 : SP_NO_VALUE,
        .divide_by = options->divide_by,
        .unit = options->unit,
        .by_cum = options->sort == SP_SORT_CUM,
        .drop_negative = options->drop_negative,
        .has_compact_labels = options->has_compact_labels,
        .is_intel_syntax = options->is_intel_syntax,
        .symbol = work->symbol,
        .address = options->symbol ? address_of(options->symbol) : 0,
        .source_path = options->source_path,
        .trim_path = options->trim_path,
        .active_filters = (const char *const *)work->filters.at,
        .n_active_filters = work->filters.n,
    };
    set_limits(work, report);
    return sp_report_find_value(work->profile, options->sample_index ? options->sample_index : "", &report->value_index,
                                work->why, sizeof work->why);
}

/* What the report needs goes before what the options say. */
static struct sp_granularity_options granularity_of(const struct work *work)
{
    struct sp_granularity_options granularity = sp_view_granularity(work->options);
    if (work->view->by)
        granularity.by = (enum sp_granularity)(work->view->by - 1);
    granularity.has_no_inlines |= work->view->has_no_inlines;
    return granularity;
}

/* Prints the report, which has been begun, into `out`. */
static int select_and_print(struct work *work, struct sp_view_select *select, struct sp_report *report, FILE *out)
{
    const struct sp_report_kind *kind = work->view->kind;
    const struct sp_granularity_options granularity = granularity_of(work);
    const int error =
        sp_view_select_rest(select, &granularity, work->view->writes_frames ? SP_MOST_WRITTEN_FRAMES : SP_MOST_FRAMES);
    if (error)
        return error;
    if (!kind)
        return work->view->print(work->view, report, out, work->why, sizeof work->why);
    return (work->options->is_json ? kind->print_json : kind->print)(report, out, work->why, sizeof work->why);
}

static int print(void *context, FILE *out)
{
    struct work *work = context;
    struct sp_view_select select = {
        .options = work->options, .profile = work->profile, .why = work->why, .why_size = sizeof work->why};
    struct sp_report_options options;
    struct sp_report report = {0};
    int error = sp_active_filters_init(&work->filters, &work->options->selection);
    if (!error)
        error = compile_symbol(work);
    if (!error)
        error = sp_view_select_first(&select);
    if (!error)
        error = make_report_options(work, &options);
    if (!error)
        error = sp_report_init(&report, work->profile, &options);
    if (!error)
        error = select_and_print(work, &select, &report, out);
    sp_report_done(&report);
    sp_view_select_done(&select);
    return error;
}

static int show(struct work *work)
{
    char *text = NULL;
    size_t size = 0;
    const bool is_data = work->view->is_data || work->options->is_json;
    struct sp_terminal_options terminal = work->options->terminal;
    terminal.is_wide |= work->view->is_plain;
    const bool has_color = !is_data && sp_terminal_has_color(&terminal);
    int error = sp_render(print, work, has_color || sp_terminal_is_on(&terminal), &text, &size);
    if (!error && has_color && !work->view->is_plain)
        error = sp_report_color(&text, &size);
    const int status = error ? fail(work, error) : sp_terminal_show(&terminal, is_data, text, size);
    free(text);
    return status;
}

static int check(const struct work *work)
{
    const struct sp_command *command = work->view->command;
    if (work->options->has_symbol && !work->options->symbol)
        return sp_usage_error(command, "REGEX and FILE are missing");
    if (work->options->is_json && (!work->view->kind || !work->view->kind->print_json))
        return sp_usage_error(command, "there is no JSON of this; `sigprof convert -f json` has the whole profile");
    return sp_view_check(command, work->options);
}

int sp_view_show(const struct sp_view *view, const struct sp_view_options *options)
{
    struct work work = {.view = view, .options = options};
    int status = check(&work);
    if (status == SP_EXIT_OK)
        status = sp_sources_read(&options->sources, view->is_whole, &work.profile);
    if (status == SP_EXIT_OK)
        status = show(&work);
    sp_active_filters_done(&work.filters);
    sp_regex_free(work.symbol);
    sp_profile_free(work.profile);
    return status;
}

int sp_view_run(const struct sp_view *view, int argc, char **argv)
{
    struct sp_view_options options = SP_VIEW_DEFAULTS;
    options.has_symbol = view->has_symbol;
    int status = sp_options_parse(view->command, argc, argv, &options);
    if (status == SP_EXIT_OK)
        status = sp_view_show(view, &options);
    sp_sources_done(&options.sources);
    return status;
}
