/*
 * What reports that show stacks write for a frame.
 *
 * Place on the way of a sample: under traces and raw. The rules are pprof's: "main.f /src/main.go:12", "[libc.so.6]".
 * Context: ordinary code of one thread at a time.
 */
#ifndef SIGPROF_REPORT_FRAME_TEXT_H
#define SIGPROF_REPORT_FRAME_TEXT_H

#include <stdio.h>

#include "profile/profile.h"

/* Room for a name that is shortened, or a path that is cleaned. Zero-initialised is empty. */
struct sp_text_room {
    char *at;
    size_t size;
};
void sp_text_room_done(struct sp_text_room *room);

/*
 * The name that is shown of a function, which may lie in `room`, valid until that is used again; NULL when there is no
 * memory. A name that differs from the system name is a demangled one; any other is shortened where it looks like C++.
 */
const char *sp_function_shown_name(const struct sp_profile *profile, const struct sp_function *function,
                                   struct sp_text_room *room);

/*
 * Writes the name of a frame: `line` of `location`, or the location itself where `line` is NULL. 0 or -ENOMEM; errors
 * of `out` are the caller's to ask for.
 */
int sp_frame_print(const struct sp_profile *profile, const struct sp_location *location, const struct sp_line *line,
                   struct sp_text_room *room, FILE *out);

/* Writes `text`, with spaces before it where it has less than `width` characters. */
void sp_print_padded(const char *text, size_t width, FILE *out);
/* How many characters UTF-8 text has. */
size_t sp_text_width(const char *text, size_t n);

#endif
