/*
 * A report as text in memory, which is where it is made fit for a terminal before anybody sees it.
 *
 * Place: cli, between report and terminal. Context: any; no state.
 */
#ifndef SIGPROF_CLI_RENDER_H
#define SIGPROF_CLI_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * What `print` writes, to be freed in any case. Names are a stranger's: where `is_harmless` is asked for, as for a
 * terminal, they have no control characters. 0, -ENOMEM, or what `print` returned.
 */
int sp_render(int (*print)(void *context, FILE *out), void *context, bool is_harmless, char **text, size_t *size);

#endif
