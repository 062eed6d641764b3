/*
 * Folded stacks, which flame graphs are made of: a line of text for each stack.
 *
 *     main;parse;memchr 42
 *
 * The root first, and inlined functions as frames; then a blank and the value, of one sample type. There are no
 * addresses, files, lines, labels or units.
 *
 * Place on the way of a sample: see formats.h. Context: ordinary code.
 */
#ifndef SIGPROF_FORMATS_FOLDED_H
#define SIGPROF_FORMATS_FOLDED_H

#include "formats/formats.h"

extern const struct sp_format sp_format_folded;

/* The member of sp_format_folded; see struct sp_format. */
int sp_folded_write(const struct sp_profile *profile, const struct sp_write_options *options, struct sp_bytes *out);

#endif
