/*
 * `sigprof tree`: each function with its callers and callees, as `go tool pprof -tree` shows them.
 *
 * Place on the way of a sample: file → formats → select → report → stdout. The last step.
 * Context: ordinary code of the command's only thread.
 */
#include "commands.h"
#include "view.h"

static int run(int argc, char **argv)
{
    static const struct sp_view view = {
        .command = &sp_command_tree, .kind = &sp_report_tree, .node_count = SP_VIEW_USUAL_NODES};
    return sp_view_run(&view, argc, argv);
}

const struct sp_command sp_command_tree = {
    .name = "tree",
    .usage = "tree [OPTION...] FILE...",
    .summary = "show functions with their callers above and their callees below",
    .sets = sp_view_sets,
    .n_sets = SP_VIEW_SETS,
    .take_word = sp_view_take_word,
    .help = "The report is that of `go tool pprof -tree FILE`: callers stand above a function, callees below it.\n"
            "\n" SP_VIEW_FILE_HELP,
    .run = run,
};
