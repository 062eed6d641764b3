/*
 * Read, select, print. See view.h. The order of the steps is pprof's: labels become frames before any filter, so that
 * filters see them; percentages are of all samples unless they are to be relative; then the frames are made coarser.
 *
 * Context: ordinary code of the command's only thread.
 */
#include "view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cut_lines.h"
#include "frame_limit.h"
#include "report_color.h"

enum { WHY_BYTES = 512, N_FILTERS = 9 };

/* A view on its way. */
struct work {
    const struct sp_view *view;
    const struct sp_view_options *options;
    struct sp_profile *profile;
    struct sp_regex *symbol;
    char *filters[N_FILTERS]; /* as headers show them */
    size_t n_filters;
    char why[WHY_BYTES];
};

static void say(void *context, const char *text)
{
    (void)context;
    sp_complain("%s", text);
}

static const struct sp_notes notes = {.say = say};

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

/* The filters in pprof's order, "name=value". False when there is no memory. */
static bool list_filters(struct work *work)
{
    const struct sp_selection *selection = &work->options->selection;
    const struct {
        const char *name, *value;
    } filters[N_FILTERS] = {
        {"focus", selection->focus},         {"ignore", selection->ignore},       {"hide", selection->hide},
        {"show", selection->show},           {"show_from", selection->show_from}, {"tagfocus", selection->tagfocus},
        {"tagignore", selection->tagignore}, {"tagshow", selection->tagshow},     {"taghide", selection->taghide},
    };
    for (size_t i = 0; i < N_FILTERS; i++) {
        if (!filters[i].value || filters[i].value[0] == '\0')
            continue;
        if (asprintf(&work->filters[work->n_filters], "%s=%s", filters[i].name, filters[i].value) < 0)
            return false;
        work->n_filters++;
    }
    return true;
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
        .active_filters = (const char *const *)work->filters,
        .n_active_filters = work->n_filters,
    };
    set_limits(work, report);
    return sp_report_find_value(work->profile, options->sample_index ? options->sample_index : "", &report->value_index,
                                work->why, sizeof work->why);
}

static int make_coarser(const struct work *work)
{
    const struct sp_view_options *options = work->options;
    const int by = work->view->by ? work->view->by : options->by ? options->by : SP_BY_FUNCTION + 1;
    const struct sp_granularity_options granularity = {
        .by = (enum sp_granularity)(by - 1),
        .has_no_inlines = options->has_no_inlines || work->view->has_no_inlines,
        .has_columns = options->has_columns,
    };
    return sp_select_granularity(work->profile, &granularity);
}

/* Prints the report, which has been begun, into `out`. */
static int select_and_print(struct work *work, struct sp_report *report, FILE *out)
{
    int error = 0;
    const struct sp_report_kind *kind = work->view->kind;
    if (!work->options->is_relative)
        error = sp_select(work->profile, &work->options->selection, report->label_units, &notes, work->why,
                          sizeof work->why);
    if (!error)
        error = make_coarser(work);
    if (!error)
        error = sp_limit_frames(work->profile, work->view->writes_frames ? SP_MOST_WRITTEN_FRAMES : SP_MOST_FRAMES,
                                work->why, sizeof work->why);
    if (error)
        return error;
    if (!kind)
        return work->view->print(work->view, report, out, work->why, sizeof work->why);
    return (work->options->is_json ? kind->print_json : kind->print)(report, out, work->why, sizeof work->why);
}

/* Filters before the total is taken, where percentages are to be of what is left. */
static int select_first(struct work *work)
{
    struct sp_label_units *units = sp_label_units_new(work->profile);
    if (!units)
        return -ENOMEM;
    sp_label_units_warn(units, &notes);
    int error = sp_select_tag_frames(work->profile, &work->options->selection, work->options->unit, &notes);
    if (!error && work->options->is_relative)
        error = sp_select(work->profile, &work->options->selection, units, &notes, work->why, sizeof work->why);
    sp_label_units_free(units);
    return error;
}

static int print(struct work *work, FILE *out)
{
    struct sp_report_options options;
    struct sp_report report = {0};
    int error = list_filters(work) ? compile_symbol(work) : -ENOMEM;
    if (!error)
        error = select_first(work);
    if (!error)
        error = make_report_options(work, &options);
    if (!error)
        error = sp_report_init(&report, work->profile, &options);
    if (!error)
        error = select_and_print(work, &report, out);
    sp_report_done(&report);
    return error;
}

/* The report as text, to be freed: 0 or an error. */
static int render(struct work *work, char **text, size_t *size)
{
    FILE *memory = open_memstream(text, size);
    if (!memory)
        return -ENOMEM;
    int error = print(work, memory);
    const bool has_failed = ferror(memory) != 0;
    if ((fclose(memory) != 0 || has_failed) && !error)
        error = -ENOMEM;
    return error;
}

/* Names are a stranger's: a terminal, or who asks for what is made for one, does not get their control characters. */
static int dress(const struct work *work, bool is_data, char **text, size_t *size)
{
    const struct sp_terminal_options *terminal = &work->options->terminal;
    const bool has_color = !is_data && sp_terminal_has_color(terminal);
    if (has_color || sp_terminal_is_on(terminal))
        *size = sp_make_harmless(*text, *size);
    return has_color && !work->view->is_plain ? sp_report_color(text, size) : 0;
}

static int show(struct work *work)
{
    char *text = NULL;
    size_t size = 0;
    int error = render(work, &text, &size);
    const bool is_data = work->view->is_data || work->options->is_json;
    struct sp_terminal_options terminal = work->options->terminal;
    terminal.is_wide |= work->view->is_plain;
    if (!error)
        error = dress(work, is_data, &text, &size);
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
    if (work->options->terminal.output && work->options->terminal.output[0] == '\0')
        return sp_usage_error(command, "-o needs a FILE, or - for standard output");
    return sp_sources_check(command, &work->options->sources);
}

int sp_view_show(const struct sp_view *view, const struct sp_view_options *options)
{
    struct work work = {.view = view, .options = options};
    int status = check(&work);
    if (status == SP_EXIT_OK)
        status = sp_sources_read(&options->sources, view->is_whole, &work.profile);
    if (status == SP_EXIT_OK)
        status = show(&work);
    for (size_t i = 0; i < work.n_filters; i++)
        free(work.filters[i]);
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
