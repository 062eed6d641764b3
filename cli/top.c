/*
 * `sigprof top`: the functions that took most, as `go tool pprof -top` shows them.
 *
 * Place on the way of a sample: file → formats → select → report → stdout. The last step.
 * Context: ordinary code of the command's only thread.
 */
#include "commands.h"
#include "view.h"

static int run(int argc, char **argv)
{
    static const struct sp_view view = {.command = &sp_command_top, .kind = &sp_report_top};
    return sp_view_run(&view, argc, argv);
}

const struct sp_command sp_command_top = {
    .name = "top",
    .usage = "top [OPTION...] FILE...",
    .summary = "show the functions that took most of a profile",
    .sets = sp_view_sets,
    .n_sets = SP_VIEW_SETS,
    .take_word = sp_view_take_word,
    .help =
        "The report is that of `go tool pprof -top FILE`. flat is what a function took itself, cum what it took with\n"
        "all that it called.\n"
        "\n" SP_VIEW_FILE_HELP,
    .run = run,
};
