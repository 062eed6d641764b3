/*
 * Ranges of numbers with units. See tag_range.h.
 * Context: ordinary code.
 */
#include "select/tag_range.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "profile/measure.h"

/* A number and a unit, as they were written. */
struct end {
    int64_t number;
    char unit[SP_MOST_UNIT_BYTES];
};

/* Reads [+-]digits[letters] at `*text`: 1, 0 where there is none, -ERANGE. */
static int read_end(const char **text, struct end *end)
{
    const char *at = *text + (**text == '+' || **text == '-');
    if (!isdigit((unsigned char)*at))
        return 0;
    char *unit;
    errno = 0;
    end->number = strtoll(*text, &unit, 10);
    int error = errno;
    size_t length = 0;
    while (isalpha((unsigned char)unit[length]))
        length++;
    if (length >= sizeof(end->unit))
        return 0;
    memcpy(end->unit, unit, length);
    end->unit[length] = '\0';
    *text = unit + length;
    return error ? -ERANGE : 1;
}

/* Brings a number into the range's unit, where there is one already. False where they are of different kinds. */
static bool scale_end(struct sp_tag_range *range, const struct end *end, bool is_first, double *value)
{
    struct sp_scaled scaled = sp_scale(end->number, end->unit, is_first ? end->unit : range->unit);
    *value = scaled.value;
    if (!is_first)
        return strcmp(scaled.unit, range->unit) == 0;
    strcpy(range->unit, scaled.unit);
    return true;
}

int sp_tag_range_read(struct sp_tag_range *range, const char *text)
{
    struct end first, last;
    struct sp_tag_range made = {.first = -INFINITY, .last = INFINITY};
    const char *at = text;
    int has_first = read_end(&at, &first);
    bool has_colon = *at == ':';
    at += has_colon;
    int has_last = has_colon ? read_end(&at, &last) : 0;
    if (*at || (!has_first && !has_last))
        return 0;
    if (has_first < 0 || has_last < 0)
        return -ERANGE;
    if (has_first)
        scale_end(&made, &first, true, &made.first);
    if (has_last && !scale_end(&made, &last, !has_first, &made.last))
        return 0;
    if (!has_colon)
        made.last = made.first;
    *range = made;
    return 1;
}

bool sp_tag_range_has(const struct sp_tag_range *range, int64_t value, const char *unit)
{
    struct sp_scaled scaled = sp_scale(value, unit, range->unit);
    return strcmp(scaled.unit, range->unit) == 0 && scaled.value >= range->first && scaled.value <= range->last;
}
