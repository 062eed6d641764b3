/*
 * `sigprof peek`: some functions with all their callers and callees.
 *
 * Place on the way of a sample: file → formats → select → report → stdout. The last step.
 * Context: ordinary code of the command's only thread.
 */
#include "commands.h"
#include "view.h"

static int run(int argc, char **argv)
{
    static const struct sp_view view = {.command = &sp_command_peek,
                                        .kind = &sp_report_peek,
                                        .has_symbol = true,
                                        .is_untrimmed = true,
                                        .node_count = 0};
    return sp_view_run(&view, argc, argv);
}

const struct sp_command sp_command_peek = {
    .name = "peek",
    .usage = "peek [OPTION...] REGEX FILE...",
    .summary = "show the callers and callees of the functions that match",
    .sets = sp_view_sets,
    .n_sets = SP_VIEW_SETS,
    .take_word = sp_view_take_word,
    .help =
        "REGEX chooses functions by their names. The report is that of `go tool pprof -peek=REGEX FILE`: as that of\n"
        "`tree`, with nothing left out for being small.\n"
        "\n" SP_VIEW_FILE_HELP,
    .run = run,
};
