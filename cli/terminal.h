/*
 * How a text reaches the user: as it is into a pipe or a file; on a terminal with colours, lines cut at its width, and
 * a pager where it is longer than the screen.
 *
 * Place: cli, behind every report. Context: ordinary code of the command's only thread.
 */
#ifndef SIGPROF_CLI_TERMINAL_H
#define SIGPROF_CLI_TERMINAL_H

#include "command.h"

/* Zero-initialised: what the terminal and the environment (NO_COLOR, CLICOLOR_FORCE, PAGER) say. */
struct sp_terminal_options {
    int color;    /* position in auto, always, never */
    bool is_wide; /* lines are not cut */
    bool has_no_pager;
    const char *output; /* file instead of stdout; NULL or "-" */
};

/* --color, --wide, --no-pager, --output: a set whose structure is a sp_terminal_options. */
enum { SP_TERMINAL_OPTIONS = 4 };
extern const struct sp_option sp_terminal_options[SP_TERMINAL_OPTIONS];

/* Whether colours are asked for, or stdout is a terminal that has them. */
bool sp_terminal_has_color(const struct sp_terminal_options *options);

/* Whether what is shown goes to a terminal. */
bool sp_terminal_is_on(const struct sp_terminal_options *options);

/*
 * Shows text[0..size), whose colours (SGR sequences) are already there: SP_EXIT_OK, or says why not, SP_EXIT_FAILED.
 * `is_data`: it is for programs, and shown as it is even on a terminal. stdout is closed after it.
 */
int sp_terminal_show(const struct sp_terminal_options *options, bool is_data, const char *text, size_t size);

#endif
