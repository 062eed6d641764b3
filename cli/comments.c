/*
 * `sigprof comments`: the comments of a profile.
 *
 * Place on the way of a sample: file → formats → select → report → stdout. The last step.
 * Context: ordinary code of the command's only thread.
 */
#include "commands.h"
#include "view.h"

static int run(int argc, char **argv)
{
    static const struct sp_view view = {.command = &sp_command_comments,
                                        .kind = &sp_report_comments,
                                        .is_plain = true,
                                        .node_count = SP_VIEW_USUAL_NODES};
    return sp_view_run(&view, argc, argv);
}

const struct sp_command sp_command_comments = {
    .name = "comments",
    .usage = "comments [OPTION...] FILE...",
    .summary = "show the comments in a profile",
    .sets = sp_view_sets,
    .n_sets = SP_VIEW_SETS,
    .take_word = sp_view_take_word,
    .help = "The report is that of `go tool pprof -comments FILE`.\n"
            "\n" SP_VIEW_FILE_HELP,
    .run = run,
};
