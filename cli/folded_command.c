/*
 * `sigprof folded`: stacks as flame graph tools read them.
 *
 * Place on the way of a sample: file → formats → select → formats → stdout. The last step.
 * Context: ordinary code of the command's only thread.
 */
#include "commands.h"
#include "formats/formats.h"
#include "view.h"

static int print(const struct sp_view *view, struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    const struct sp_write_options how = {.value_index = report->options.value_index};
    struct sp_bytes bytes = {0};
    const int error = sp_format_find("folded")->write(report->profile, &how, &bytes);
    (void)view;
    if (error)
        snprintf(why, why_size, "it cannot be written as folded stacks");
    else
        fwrite(bytes.at, 1, bytes.n, out);
    sp_bytes_done(&bytes);
    return error;
}

static int run(int argc, char **argv)
{
    static const struct sp_view view = {
        .command = &sp_command_folded, .print = print, .writes_frames = true, .is_plain = true, .is_untrimmed = true};
    return sp_view_run(&view, argc, argv);
}

const struct sp_command sp_command_folded = {
    .name = "folded",
    .usage = "folded [OPTION...] FILE...",
    .summary = "print stacks as lines, root first: a;b;c VALUE",
    .sets = sp_view_sets,
    .n_sets = SP_VIEW_SETS,
    .take_word = sp_view_take_word,
    .help = "Flame graph tools read it. Inlined functions are frames of their own. Stacks of equal functions are added "
            "up.\n" SP_VIEW_FILE_HELP,
    .run = run,
};
