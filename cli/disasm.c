/*
 * `sigprof disasm`: the machine code of some functions, with what each instruction took.
 *
 * Place on the way of a sample: file → formats → select → report → stdout. The last step.
 * Context: ordinary code of the command's only thread.
 */
#include "commands.h"
#include "view.h"

static int run(int argc, char **argv)
{
    static const struct sp_view view = {.command = &sp_command_disasm,
                                        .kind = &sp_report_disasm,
                                        .has_symbol = true,
                                        .is_untrimmed = true,
                                        .has_no_inlines = true,
                                        .by = SP_BY_ADDRESS + 1};
    return sp_view_run(&view, argc, argv);
}

const struct sp_command sp_command_disasm = {
    .name = "disasm",
    .usage = "disasm [OPTION...] REGEX|ADDRESS FILE...",
    .summary = "show the machine code of functions, with what each instruction took",
    .sets = sp_view_sets,
    .n_sets = SP_VIEW_SETS,
    .take_word = sp_view_take_word,
    .help = "REGEX chooses functions by their names, ADDRESS (0x...) the one that it lies in. The report is that of\n"
            "`go tool pprof -disasm=REGEX FILE`, made with objdump of the program and its libraries.\n"
            "\n" SP_VIEW_FILE_HELP,
    .run = run,
};
