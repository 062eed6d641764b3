/*
 * Sample values in the units that people read: bytes, time, Google compute units, or as they are.
 *
 * Place on the way of a sample: under filters and reports. Units, factors and rounding are those of pprof, so that
 * reports of both show the same numbers. Context: ordinary code.
 */
#ifndef SIGPROF_PROFILE_MEASURE_H
#define SIGPROF_PROFILE_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Let the value choose its unit: the largest in which it is at least 1. */
#define SP_UNIT_AUTO "auto"

enum {
    SP_VALUE_TEXT_BYTES = 336, /* the longest double with two decimals, and a unit's start */
    SP_PERCENT_TEXT_BYTES = 336,
};

/* `value` of unit `from` in unit `to`, and the unit's short name; "" where the unit goes without saying (counts). */
struct sp_scaled {
    double value;
    const char *unit; /* constant, or `to` */
};
struct sp_scaled sp_scale(int64_t value, const char *from, const char *to);

/* Whether values of the two units can be told in each other's: the same unit, or two of a kind. */
bool sp_units_are_comparable(const char *a, const char *b);

/* Writes a number as "0", "12" or "1.50" to `number`; returns its unit, "" for 0. */
const char *sp_scaled_text(int64_t value, const char *from, const char *to, char number[SP_VALUE_TEXT_BYTES]);

/* Writes the share of `value` in `total` as pprof does, padded to six characters: " 1.50%", "  100%", "    0%". */
void sp_percent_text(int64_t value, int64_t total, char text[SP_PERCENT_TEXT_BYTES]);

/* |value|; the smallest number stays what it is. */
static inline int64_t sp_magnitude(int64_t value)
{
    return value < 0 ? (int64_t)(0 - (uint64_t)value) : value;
}
/* a + b modulo 2^64, as in Go. */
static inline int64_t sp_wrapping_sum(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}
/* The double as an integer; the smallest integer where it does not fit, as amd64 (and so Go there) converts it. */
int64_t sp_truncated(double value);

#endif
