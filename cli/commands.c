/*
 * The table of commands, in the order of `sigprof --help`.
 * Context: ordinary code of the command's only thread.
 */
#include "commands.h"

const struct sp_command *const sp_commands[] = {
    &sp_command_record,    &sp_command_top,        &sp_command_tree,
    &sp_command_peek,      &sp_command_list,       &sp_command_disasm,
    &sp_command_diff,      &sp_command_info,       &sp_command_traces,
    &sp_command_tags,      &sp_command_folded,     &sp_command_raw,
    &sp_command_comments,  &sp_command_merge,      &sp_command_convert,
    &sp_command_symbolize, &sp_command_completion, NULL,
};
