/*
 * Text, line by line.
 *
 * Place on the way of a sample: under the readers of text formats. Lines end with LF or CR LF; the last one need not.
 * Context: ordinary code.
 */
#ifndef SIGPROF_FORMATS_TEXT_LINES_H
#define SIGPROF_FORMATS_TEXT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/profile.h"

/* A piece of text. It does not end with NUL. */
struct sp_span {
    const char *at;
    size_t n;
};

struct sp_lines {
    const char *at, *end;
    size_t number; /* of the line that was taken last, from 1 */
};

static inline bool sp_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The lines of data[0..size), which has to outlive it. */
struct sp_lines sp_lines_of(const uint8_t *data, size_t size);

/* Takes the next line, without what ends it and white space before that: false when there is none. */
bool sp_lines_next(struct sp_lines *lines, struct sp_span *line);

/* A whole decimal number, with or without a sign: 0, -EINVAL, or -ERANGE when it is too large. */
int sp_parse_whole(struct sp_span word, int64_t *value);

/*
 * Ends a reader: gives `*profile` the profile (NULL: there was no memory for it), or frees it. `wrong` is "" or says
 * what was wrong at `line`. Returns as sp_format.read.
 */
int sp_text_result(struct sp_profile *read, const char *wrong, size_t line, struct sp_profile **profile, char *why,
                   size_t why_size);

#endif
