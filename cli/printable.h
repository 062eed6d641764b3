/*
 * Names that came from elsewhere, made fit for a terminal.
 *
 * Place: cli, before stderr. Context: any; no state.
 */
#ifndef SIGPROF_CLI_PRINTABLE_H
#define SIGPROF_CLI_PRINTABLE_H

#include <stddef.h>

/*
 * Copies UTF-8 `text` to out[0..size), size > 0, with '?' in the place of control characters, which could move the
 * cursor or worse; cut at the end of a character where it does not fit. Returns `out`.
 */
const char *sp_printable(const char *text, char *out, size_t size);

#endif
