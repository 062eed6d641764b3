/*
 * Regular expressions as users of pprof write them: RE2's syntax, matched by PCRE2.
 *
 * Place on the way of a sample: under selection, and the reports that are of functions by name.
 * Context: ordinary code of one thread at a time.
 */
#ifndef SIGPROF_SELECT_REGEX_H
#define SIGPROF_SELECT_REGEX_H

#include <stdbool.h>
#include <stddef.h>

struct sp_regex;

/*
 * Compiles `pattern`: 0 and a new `*regex` (the caller's, see sp_regex_free), -EINVAL (`why` names what is wrong and at
 * which character), or -ENOMEM. Outputs untouched on failure, but for `why`.
 */
int sp_regex_new(const char *pattern, struct sp_regex **regex, char *why, size_t why_size);
void sp_regex_free(struct sp_regex *regex);

/* Whether it matches anywhere in `text`. A match that takes too many steps (PCRE2's limit) is none. */
bool sp_regex_matches(const struct sp_regex *regex, const char *text);

/* The pattern as it was given. */
const char *sp_regex_pattern(const struct sp_regex *regex);

#endif
