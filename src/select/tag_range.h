/*
 * Ranges of numbers with units, as -tagfocus takes them: "32kb", ":64kb", "4mb:", "12kb:64mb".
 *
 * Place on the way of a sample: inside src/select. Context: ordinary code.
 */
#ifndef SIGPROF_SELECT_TAG_RANGE_H
#define SIGPROF_SELECT_TAG_RANGE_H

#include <stdbool.h>
#include <stdint.h>

enum { SP_MOST_UNIT_BYTES = 64 };

/* Both ends belong to it. */
struct sp_tag_range {
    double first, last; /* in `unit`; infinite where there is no end */
    char unit[SP_MOST_UNIT_BYTES];
};

/* Reads a range: 1, 0 where `text` is none (and may be a regular expression), -ERANGE where a number is too large. */
int sp_tag_range_read(struct sp_tag_range *range, const char *text);

/* Whether `value`, measured in `unit`, lies in the range. Units of different kinds do not compare. */
bool sp_tag_range_has(const struct sp_tag_range *range, int64_t value, const char *unit);

#endif
