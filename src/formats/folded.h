/*
 * Folded stacks, which flame graphs are made of: a line of text for each stack.
 *
 *     main;parse;memchr 42
 *
 * The root first, and inlined functions as frames; then a blank and the value, of one sample type. There are no
 * addresses, files, lines, labels or units.
 *
 * Read are also lines that end with two counts, where all do (difffolded.pl makes them), comments behind # and empty
 * lines. Names may contain blanks; what else they contain, such as _[k], stays.
 *
 * Place on the way of a sample: see formats.h. Context: ordinary code.
 */
#ifndef SIGPROF_FORMATS_FOLDED_H
#define SIGPROF_FORMATS_FOLDED_H

#include "formats/formats.h"

extern const struct sp_format sp_format_folded;

/* The members of sp_format_folded; see struct sp_format. */
bool sp_folded_looks_like(const uint8_t *data, size_t size);
int sp_folded_read(const uint8_t *data, size_t size, size_t memory_limit, struct sp_profile **profile, char *why,
                   size_t why_size);
int sp_folded_write(const struct sp_profile *profile, const struct sp_write_options *options, struct sp_bytes *out);

#endif
