/*
 * The options of the commands that show a profile. See view_options.h.
 *
 * Context: ordinary code of the command's only thread.
 */
#include "view_options.h"

#include <math.h>
#include <string.h>

#define AT(member) offsetof(struct sp_view_options, member)
#define REGEX(option, member, text)                                                                               \
    {                                                                                                             \
        .name = option, .value_name = "REGEX", .help = text, .take = sp_take_text, .offset = AT(selection.member) \
    }
#define SWITCH(option, member, text)                                             \
    {                                                                            \
        .name = option, .help = text, .take = sp_take_flag, .offset = AT(member) \
    }
#define ONE_OF(option, member, value, text)                                                        \
    {                                                                                              \
        .name = option, .help = text, .take = take_one_of, .offset = AT(member), .number = (value) \
    }
#define TEXT(option, value, member, text)                                                             \
    {                                                                                                 \
        .name = option, .value_name = value, .help = text, .take = sp_take_text, .offset = AT(member) \
    }

/* The option that makes `number` of the member that `option` is about. */
static const char *other_of(const struct sp_option *option, int number)
{
    for (size_t i = 0; i < SP_VIEW_ROWS; i++) {
        const struct sp_option *other = &sp_view_rows[i];
        if (other->take == option->take && other->offset == option->offset && other->number == number)
            return other->name;
    }
    return option->name;
}

/* Of orders and of granularities there can be one. */
static int take_one_of(const struct sp_command *command, const struct sp_option *option, const char *value, void *to)
{
    int chosen = *(int *)to;
    const int status = sp_take_number(command, option, value, &chosen);
    if (status == SP_EXIT_OK && *(int *)to != 0 && chosen != *(int *)to)
        return sp_usage_error(command, "--%s and --%s cannot both be given", other_of(option, *(int *)to),
                              option->name);
    *(int *)to = chosen;
    return status;
}

/* pprof has -1 for "as the report likes it". */
static int take_node_count(const struct sp_command *command, const struct sp_option *option, const char *value,
                           void *to)
{
    if (value[0] != '-' || value[1] != '1' || value[2] != '\0')
        return sp_take_count(command, option, value, to);
    *(size_t *)to = SIZE_MAX;
    return SP_EXIT_OK;
}

static int take_divisor(const struct sp_command *command, const struct sp_option *option, const char *value, void *to)
{
    double divisor;
    const int status = sp_take_real(command, option, value, &divisor);
    if (status == SP_EXIT_OK && fpclassify(divisor) == FP_ZERO)
        return sp_usage_error(command, "--divide-by=%s: nothing can be divided by 0", value);
    if (status == SP_EXIT_OK)
        *(double *)to = divisor;
    return status;
}

static int take_trim(const struct sp_command *command, const struct sp_option *option, const char *value, void *to)
{
    bool is_whole = true;
    const int status = sp_take_flag(command, option, value, &is_whole);
    *(bool *)to = !is_whole;
    return status;
}

/* pprof's names for values of heap and contention profiles. */
static int take_value(const struct sp_command *command, const struct sp_option *option, const char *value, void *to)
{
    static const char *const types[] = {"inuse_space",   "inuse_objects", "alloc_space",
                                        "alloc_objects", "contentions",   "delay"};
    struct sp_view_options *options = to;
    bool is_on = true;
    const int status = sp_take_flag(command, option, value, &is_on);
    if (status == SP_EXIT_OK && is_on)
        options->sample_index = types[option->number];
    return status;
}

static int take_mean_delay(const struct sp_command *command, const struct sp_option *option, const char *value,
                           void *to)
{
    const int status = take_value(command, option, value, to);
    ((struct sp_view_options *)to)->is_mean |= status == SP_EXIT_OK;
    return status;
}

/* Names are never looked up while a report is made, which is what pprof's -symbolize=none asks for. */
static int take_symbolize(const struct sp_command *command, const struct sp_option *option, const char *value, void *to)
{
    (void)option, (void)to;
    if (value[0] == '\0' || strcmp(value, "none") == 0)
        return SP_EXIT_OK;
    return sp_usage_error(command, "--symbolize=%s: reports do not look up names; `sigprof symbolize` does", value);
}

const struct sp_option sp_view_filters[SP_VIEW_FILTERS] = {
    REGEX("focus", focus,
          "only samples with a frame that matches; matched are the names of functions,\n"
          "their files, and the program or library"),
    REGEX("ignore", ignore, "no samples with such a frame"),
    REGEX("hide", hide, "without such frames; what they called is shown as called by their callers"),
    REGEX("show", show, "only such frames"),
    REGEX("show-from", show_from, "stacks begin at the outermost such frame"),
    REGEX("prune-from", prune_from, "stacks end at the innermost such frame: what it calls is left out"),
    {.name = "tagfocus",
     .value_name = "[KEY=]VALUE",
     .help = "only samples with a label that matches a regular expression or lies in a\n"
             "range of numbers: thread=worker, bytes=1kb:64kb",
     .take = sp_take_text,
     .offset = AT(selection.tagfocus)},
    {.name = "tagignore",
     .value_name = "[KEY=]VALUE",
     .help = "no samples with such a label",
     .take = sp_take_text,
     .offset = AT(selection.tagignore)},
    REGEX("tagshow", tagshow, "only labels whose keys match"),
    REGEX("taghide", taghide, "without labels whose keys match"),
    {.name = "tagroot",
     .value_name = "KEY,...",
     .help = "the values of these labels as frames at the root of stacks",
     .take = sp_take_text,
     .offset = AT(selection.tagroot)},
    {.name = "tagleaf",
     .value_name = "KEY,...",
     .help = "the same at the leaf",
     .take = sp_take_text,
     .offset = AT(selection.tagleaf)},
};

const struct sp_option sp_view_values[SP_VIEW_VALUES] = {
    TEXT("sample-index", "NAME|N", sample_index, "which of the profile's values: its name, or 0 for the first"),
    /* Not told in --help: habits of pprof's users. */
    {.name = "symbolize", .value_name = "MODE", .take = take_symbolize},
    {.name = "inuse-space", .take = take_value, .number = 0},
    {.name = "inuse-objects", .take = take_value, .number = 1},
    {.name = "alloc-space", .take = take_value, .number = 2},
    {.name = "alloc-objects", .take = take_value, .number = 3},
    {.name = "contentions", .take = take_value, .number = 4},
    {.name = "total-delay", .take = take_value, .number = 5},
    TEXT("unit", "UNIT", unit, "of values: ms, MiB ...; auto: each its own; minimum: one for all (default)"),
    SWITCH("relative-percentages", is_relative, "percentages of what the filters leave, not of everything"),
};

const struct sp_option sp_view_arithmetic[SP_VIEW_ARITHMETIC] = {
    {.name = "mean-delay", .take = take_mean_delay, .number = 5},
    SWITCH("mean", is_mean, "values divided by the first one (a count)"),
    {.name = "divide-by",
     .value_name = "NUMBER",
     .help = "all values divided by it",
     .take = take_divisor,
     .offset = AT(divide_by)},
    SWITCH("drop-negative", drop_negative, "without functions whose value is negative (in differences)"),
};

const struct sp_option sp_view_limits[SP_VIEW_LIMITS] = {
    {.name = "nodecount",
     .letter = 'n',
     .value_name = "N",
     .help = "at most N rows or nodes; 0 is all",
     .take = take_node_count,
     .offset = AT(node_count)},
    {.name = "nodefraction",
     .value_name = "SHARE",
     .help = "without functions below this share of the total (0.005)",
     .take = sp_take_real,
     .offset = AT(node_fraction)},
    SWITCH("trim", has_trim, "=false: everything, however small"),
    {.name = "no-trim", .help = "the same", .take = take_trim, .offset = AT(has_trim)},
};

const struct sp_option sp_view_rows[SP_VIEW_ROWS] = {
    ONE_OF("flat", sort, SP_SORT_FLAT, "sorted by the function's own value (default)"),
    ONE_OF("cum", sort, SP_SORT_CUM, "sorted by the value with all that the function calls"),
    ONE_OF("functions", by, SP_BY_FUNCTION + 1, "a row for each function (default)"),
    ONE_OF("filefunctions", by, SP_BY_FILE_AND_FUNCTION + 1, "for each function of each file"),
    ONE_OF("files", by, SP_BY_FILE + 1, "for each file"),
    ONE_OF("lines", by, SP_BY_LINE + 1, "for each line"),
    ONE_OF("addresses", by, SP_BY_ADDRESS + 1, "for each address"),
    SWITCH("noinlines", has_no_inlines, "inlined functions count as the function that they are inlined into"),
    SWITCH("showcolumns", has_columns, "lines with their columns"),
    TEXT("trim-path", "PREFIX:...", trim_path, "beginnings of paths of source files to cut off"),
};

const struct sp_option sp_view_looks[SP_VIEW_LOOKS] = {
    {.name = "edgefraction",
     .value_name = "SHARE",
     .help = "without calls below this share of the total (0.001)",
     .take = sp_take_real,
     .offset = AT(edge_fraction)},
    SWITCH("call-tree", has_call_tree, "drawings: a node for each way to a function"),
    SWITCH("compact-labels", has_compact_labels, "traces: labels of a sample on one line"),
    SWITCH("intel-syntax", is_intel_syntax, "disasm: Intel's syntax"),
    TEXT("source-path", "DIR:...", source_path, "where to look for source files"),
};

const struct sp_option sp_view_output[SP_VIEW_OUTPUT] = {SWITCH("json", is_json, "one JSON object instead")};

const struct sp_option_set sp_view_sets[SP_VIEW_SETS] = {SP_VIEW_OPTION_SETS};

int sp_view_take_word(const struct sp_command *command, const char *word, void *to)
{
    struct sp_view_options *options = to;
    (void)command;
    if (options->has_symbol && !options->symbol) {
        options->symbol = word;
        return SP_EXIT_OK;
    }
    return sp_sources_take_file(&options->sources, word);
}

int sp_view_check(const struct sp_command *command, const struct sp_view_options *options)
{
    if (options->terminal.output && options->terminal.output[0] == '\0')
        return sp_usage_error(command, "-o needs a FILE, or - for standard output");
    return sp_sources_check(command, &options->sources);
}
