/*
 * RE2's syntax, as Go's regexp accepts it, in PCRE2's words. What RE2 refuses is refused here, with Go's message:
 * look-around, references back, possessive repetition, repeated repetition, more than 1000 times. Only repetitions with
 * flags between them, a*(?i)*, are refused here and not there.
 *
 * Place on the way of a sample: inside src/select, under regex.h.
 * Context: ordinary code of one thread at a time.
 */
#ifndef SIGPROF_SELECT_RE2_SYNTAX_H
#define SIGPROF_SELECT_RE2_SYNTAX_H

#include <stddef.h>

/*
 * A pattern for PCRE2 (with UTF, ALT_CIRCUMFLEX, NO_AUTO_CAPTURE and line feeds as newlines) that matches where
 * `pattern` does; captures and greediness are gone. 0 and `*translated` (to be freed), -EINVAL with `why`, or -ENOMEM.
 */
int sp_re2_translate(const char *pattern, char **translated, char *why, size_t why_size);

#endif
