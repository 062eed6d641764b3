/*
 * Text made fit for a terminal: lines no wider than it, and nothing of a profile's that could command it.
 *
 * Place: cli, between report and terminal. Context: any; no state.
 */
#ifndef SIGPROF_CLI_CUT_LINES_H
#define SIGPROF_CLI_CUT_LINES_H

#include <stddef.h>

/*
 * text[0..size), UTF-8 with or without colours (SGR sequences), with its lines cut to `columns`: the last column of a
 * longer one is "…", and blanks at ends are left out. SIZE_MAX columns: as they are. To be freed; NULL when there is no
 * memory. `*n_lines` is how many there are.
 */
char *sp_cut_lines(const char *text, size_t size, size_t columns, size_t *cut_size, size_t *n_lines);

/*
 * Puts '?' in the place of control characters other than tabs and line ends, which names in profiles may have and a
 * terminal would obey; returns the new size, which is not larger. To be called before colours come in.
 */
size_t sp_make_harmless(char *text, size_t size);

#endif
