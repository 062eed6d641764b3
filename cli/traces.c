/*
 * `sigprof traces`: all samples, one after the other.
 *
 * Place on the way of a sample: file → formats → select → report → stdout. The last step.
 * Context: ordinary code of the command's only thread.
 */
#include "commands.h"
#include "view.h"

static int run(int argc, char **argv)
{
    static const struct sp_view view = {.command = &sp_command_traces,
                                        .kind = &sp_report_traces,
                                        .writes_frames = true,
                                        .node_count = SP_VIEW_USUAL_NODES};
    return sp_view_run(&view, argc, argv);
}

const struct sp_command sp_command_traces = {
    .name = "traces",
    .usage = "traces [OPTION...] FILE...",
    .summary = "show each sample with its stack and labels",
    .sets = sp_view_sets,
    .n_sets = SP_VIEW_SETS,
    .take_word = sp_view_take_word,
    .help = "The report is that of `go tool pprof -traces FILE`.\n"
            "\n" SP_VIEW_FILE_HELP,
    .run = run,
};
