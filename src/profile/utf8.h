/*
 * UTF-8 checking and repair, for strings that come from foreign files and foreign processes.
 * Place on the way of a sample: inside src/profile; strings of a profile are always UTF-8 (profile.proto wants it).
 * Context: ordinary code.
 */
#ifndef SIGPROF_PROFILE_UTF8_H
#define SIGPROF_PROFILE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Whether text[0..n) is UTF-8 (no surrogates, no overlong forms) without NUL. */
bool sp_utf8_is_valid(const char *text, size_t n);

/* The longest that sp_utf8_repair makes of n bytes. */
#define SP_UTF8_REPAIRED_MAX(n) ((n)*3)

/* Copies text[0..n) to `to`, each byte that is not part of valid UTF-8, and NUL, as U+FFFD. Returns the length. */
size_t sp_utf8_repair(char *to, const char *text, size_t n);

#endif
