/*
 * Which strings of a profile an expression matches: each is asked for once, when it is first needed.
 *
 * Place on the way of a sample: inside src/select. Context: ordinary code of one thread.
 */
#ifndef SIGPROF_SELECT_TEXT_MATCHES_H
#define SIGPROF_SELECT_TEXT_MATCHES_H

#include "profile/profile.h"
#include "select/regex.h"

struct sp_text_matches {
    const struct sp_profile *profile;
    const struct sp_regex *regex;
    unsigned char *known; /* by string: 0 where it has not been asked for */
    size_t n;
    bool is_simplified; /* functions' names without parameters are what counts */
};

/* Matches of `regex` (which outlives them) in the strings that `profile` has now. 0 or -ENOMEM. */
int sp_text_matches_init(struct sp_text_matches *matches, const struct sp_profile *profile,
                         const struct sp_regex *regex);
void sp_text_matches_done(struct sp_text_matches *matches);

/* Whether the string matches. */
bool sp_text_matches(struct sp_text_matches *matches, uint32_t string);

/* Whether a line's function matches by its name or its file. A line without a function does not. */
bool sp_line_matches(struct sp_text_matches *matches, const struct sp_line *line);
/* Whether a location's mapping matches by its file. */
bool sp_mapping_matches(struct sp_text_matches *matches, const struct sp_location *location);
/* Whether a location matches by any of its lines, or by its mapping. */
bool sp_location_matches(struct sp_text_matches *matches, const struct sp_location *location);

#endif
