/*
 * `sigprof list`: the source of some functions, with what each line took.
 *
 * Place on the way of a sample: file → formats → select → report → stdout. The last step.
 * Context: ordinary code of the command's only thread.
 */
#include "commands.h"
#include "view.h"

static int run(int argc, char **argv)
{
    static const struct sp_view view = {.command = &sp_command_list,
                                        .kind = &sp_report_list,
                                        .has_symbol = true,
                                        .is_untrimmed = true,
                                        .by = SP_BY_LINE + 1};
    return sp_view_run(&view, argc, argv);
}

const struct sp_command sp_command_list = {
    .name = "list",
    .usage = "list [OPTION...] REGEX FILE...",
    .summary = "show the source of functions, with what each line took",
    .sets = sp_view_sets,
    .n_sets = SP_VIEW_SETS,
    .take_word = sp_view_take_word,
    .help =
        "REGEX chooses functions by their names. The report is that of `go tool pprof -list=REGEX FILE`. Source files\n"
        "are looked for where the profile says that they are, and in --source-path.\n"
        "\n" SP_VIEW_FILE_HELP,
    .run = run,
};
