/*
 * Colours for the text of a report: what says how much is seen first.
 *
 * Place: cli, between report and terminal: reports are plain. Context: ordinary code of the command's only thread.
 */
#ifndef SIGPROF_CLI_REPORT_COLOR_H
#define SIGPROF_CLI_REPORT_COLOR_H

#include <stddef.h>

/*
 * Puts colours into `*text`, which is replaced: what tells where the profile comes from is dim; headings of columns,
 * keys and functions are bold; a percentage of the total is red from a tenth of it, and yellow from a fiftieth. Names,
 * and what is not known, stay as they are. 0 or -ENOMEM, and then nothing has changed.
 */
int sp_report_color(char **text, size_t *size);

#endif
