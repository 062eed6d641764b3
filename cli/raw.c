/*
 * `sigprof raw`: all that is in a profile, as text.
 *
 * Place on the way of a sample: file → formats → select → report → stdout. The last step.
 * Context: ordinary code of the command's only thread.
 */
#include "commands.h"
#include "view.h"

static int run(int argc, char **argv)
{
    static const struct sp_view view = {.command = &sp_command_raw,
                                        .kind = &sp_report_raw,
                                        .is_plain = true,
                                        .is_untrimmed = true,
                                        .by = SP_BY_ADDRESS + 1};
    return sp_view_run(&view, argc, argv);
}

const struct sp_command sp_command_raw = {
    .name = "raw",
    .usage = "raw [OPTION...] FILE...",
    .summary = "show all that is in a profile, as text",
    .sets = sp_view_sets,
    .n_sets = SP_VIEW_SETS,
    .take_word = sp_view_take_word,
    .help = "The report is that of `go tool pprof -raw FILE`: samples, locations and mappings with their numbers.\n"
            "\n" SP_VIEW_FILE_HELP,
    .run = run,
};
