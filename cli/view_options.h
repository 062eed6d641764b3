/*
 * What the commands that show a profile take: which part of it, how finely, in which units, and where the text goes.
 * Names, defaults and rules are those of pprof's flags.
 *
 * Place: cli, before select and report. Context: ordinary code of the command's only thread.
 */
#ifndef SIGPROF_CLI_VIEW_OPTIONS_H
#define SIGPROF_CLI_VIEW_OPTIONS_H

#include "command.h"
#include "report/report.h"
#include "select/selection.h"
#include "sources.h"
#include "terminal.h"

enum sp_sort { SP_SORT_UNSET, SP_SORT_FLAT, SP_SORT_CUM };

/* `by` of sp_view_options: 0 is unset, else a granularity + 1. */
enum { SP_VIEW_BY_DEFAULT = 0 };

struct sp_view_options {
    struct sp_sources sources; /* FILE... and --base */
    struct sp_terminal_options terminal;
    struct sp_selection selection;
    const char *symbol; /* REGEX of peek, list, disasm */
    bool has_symbol;    /* the command takes one, before FILE */
    int sort;           /* enum sp_sort */
    int by;
    bool is_relative, has_no_inlines, has_columns, has_compact_labels, has_call_tree, is_intel_syntax, drop_negative,
        has_trim, is_mean;
    bool is_json;
    const char *sample_index, *unit, *source_path, *trim_path;
    double divide_by, node_fraction, edge_fraction;
    size_t node_count; /* SIZE_MAX: as the report likes it */
};

#define SP_VIEW_DEFAULTS                                                                                     \
    {                                                                                                        \
        .has_trim = true, .unit = "minimum", .divide_by = 1, .node_fraction = 0.005, .edge_fraction = 0.001, \
        .node_count = SIZE_MAX,                                                                              \
    }

/*
 * Their tables, in the order of --help. Arithmetic and looks are of reports of one profile; the others are those of
 * `diff` too.
 */
enum {
    SP_VIEW_FILTERS = 12,
    SP_VIEW_VALUES = 10,
    SP_VIEW_ARITHMETIC = 4,
    SP_VIEW_LIMITS = 4,
    SP_VIEW_ROWS = 10,
    SP_VIEW_LOOKS = 5,
    SP_VIEW_OUTPUT = 1,
};
extern const struct sp_option sp_view_filters[SP_VIEW_FILTERS], sp_view_values[SP_VIEW_VALUES],
    sp_view_arithmetic[SP_VIEW_ARITHMETIC], sp_view_limits[SP_VIEW_LIMITS], sp_view_rows[SP_VIEW_ROWS],
    sp_view_looks[SP_VIEW_LOOKS], sp_view_output[SP_VIEW_OUTPUT];

/* The sets of a command whose structure is, or begins with, a sp_view_options. */
#define SP_VIEW_OPTION_SETS                                                                                     \
    {"Which samples, frames and labels", sp_view_filters, SP_VIEW_FILTERS, 0},                                  \
        {"Which values", sp_view_values, SP_VIEW_VALUES, 0}, {NULL, sp_view_arithmetic, SP_VIEW_ARITHMETIC, 0}, \
        {"Rows and order", sp_view_limits, SP_VIEW_LIMITS, 0}, {NULL, sp_view_rows, SP_VIEW_ROWS, 0},           \
        {NULL, sp_view_looks, SP_VIEW_LOOKS, 0},                                                                \
        {"Which profiles", sp_sources_options, SP_SOURCES_OPTIONS, offsetof(struct sp_view_options, sources)},  \
        {"Output", sp_view_output, SP_VIEW_OUTPUT, 0},                                                          \
    {                                                                                                           \
        NULL, sp_terminal_options, SP_TERMINAL_OPTIONS, offsetof(struct sp_view_options, terminal)              \
    }
enum { SP_VIEW_SETS = 9 };
extern const struct sp_option_set sp_view_sets[SP_VIEW_SETS];
int sp_view_take_word(const struct sp_command *command, const char *word, void *to);
/* Whether files and output make sense: SP_EXIT_OK or SP_EXIT_USAGE. */
int sp_view_check(const struct sp_command *command, const struct sp_view_options *options);

/* What --help says of FILE. */
#define SP_VIEW_FILE_HELP                                                                                       \
    "FILE is a profile of any profiler in any format that sigprof reads, - is stdin, and http://HOST/PATH is\n" \
    "fetched. Several are added up. Options may be spelled as pprof does, too: -nodecount=5, -focus REGEX.\n"

#endif
