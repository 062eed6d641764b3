/*
 * Regular expressions as users of pprof write them: RE2's syntax, matched by PCRE2.
 *
 * Place on the way of a sample: under selection, and the reports that are of functions by name.
 *
 * Representation: the pattern is read here, by RE2's rules, and put into PCRE2's words (re2_syntax.h). PCRE2's compiled
 * code tries one way after another, which some patterns turn into a life's work; so its steps are counted, and an
 * expression that once needed too many is from then on matched by PCRE2's other way, which follows all ways at once.
 *
 * Context: ordinary code of one thread at a time (also for matching).
 */
#ifndef SIGPROF_SELECT_REGEX_H
#define SIGPROF_SELECT_REGEX_H

#include <stdbool.h>
#include <stddef.h>

struct sp_regex;

/*
 * Compiles `pattern`: 0 and a new `*regex` (the caller's, see sp_regex_free), -EINVAL (`why` is Go's sentence: "error
 * parsing regexp: missing closing ): `a(b`"), or -ENOMEM. Outputs untouched on failure, but for `why`.
 */
int sp_regex_new(const char *pattern, struct sp_regex **regex, char *why, size_t why_size);
void sp_regex_free(struct sp_regex *regex);

/*
 * Whether it matches anywhere in `text`, or in text[0..length). Bytes that are not UTF-8 count as U+FFFD. A match that
 * takes too many steps even so (or memory that there is not) is none.
 */
bool sp_regex_matches(const struct sp_regex *regex, const char *text);
bool sp_regex_matches_n(const struct sp_regex *regex, const char *text, size_t length);

/* The pattern as it was given. */
const char *sp_regex_pattern(const struct sp_regex *regex);

#endif
