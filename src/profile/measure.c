/*
 * Sample values in readable units. See measure.h.
 * Context: ordinary code.
 */
#include "profile/measure.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    MOST_ALIASES = 3,
    LONGEST_ALIAS = 16,
};

struct unit {
    const char *name;
    double factor; /* in the family's base unit */
    const char *aliases[MOST_ALIASES];
};

/* Units of the same kind, smallest first. */
struct family {
    const struct unit *units;
    size_t n;
    struct unit fallback; /* for values too small for any unit, and for targets of another kind */
};

static const struct unit memory_units[] = {
    {"B", 1, {"b", "byte"}},
    {"kB", 0x1p10, {"kb", "kbyte", "kilobyte"}},
    {"MB", 0x1p20, {"mb", "mbyte", "megabyte"}},
    {"GB", 0x1p30, {"gb", "gbyte", "gigabyte"}},
    {"TB", 0x1p40, {"tb", "tbyte", "terabyte"}},
    {"PB", 0x1p50, {"pb", "pbyte", "petabyte"}},
};

static const struct unit time_units[] = {
    {"ns", 1, {"ns", "nanosecond"}},    {"us", 1e3, {"us", "microsecond"}}, {"ms", 1e6, {"ms", "millisecond"}},
    {"s", 1e9, {"s", "sec", "second"}}, {"hrs", 3600e9, {"hour", "hr"}},
};

static const struct unit compute_units[] = {
    {"n*GCU", 1e-9, {"nanogcu"}}, {"u*GCU", 1e-6, {"microgcu"}}, {"m*GCU", 1e-3, {"milligcu"}},
    {"GCU", 1, {"gcu"}},          {"k*GCU", 1e3, {"kilogcu"}},   {"M*GCU", 1e6, {"megagcu"}},
    {"G*GCU", 1e9, {"gigagcu"}},  {"T*GCU", 1e12, {"teragcu"}},  {"P*GCU", 1e15, {"petagcu"}},
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct family families[] = {
    {memory_units, LENGTH(memory_units), {"B", 1, {0}}},
    {time_units, LENGTH(time_units), {"s", 1e9, {0}}},
    {compute_units, LENGTH(compute_units), {"GCU", 1, {0}}},
};

/* Writes `name` in lower case and the singular; false when it is longer than any unit. */
static bool normalise(const char *name, char normal[LONGEST_ALIAS + 2])
{
    size_t length = strlen(name);
    if (length > LONGEST_ALIAS)
        return false;
    for (size_t i = 0; i <= length; i++)
        normal[i] = (char)tolower((unsigned char)name[i]);
    if (length > 2 && normal[length - 1] == 's')
        normal[length - 1] = '\0';
    return true;
}

static const struct unit *find_unit(const struct family *family, const char *name)
{
    char normal[LONGEST_ALIAS + 2];
    if (!normalise(name, normal))
        return NULL;
    for (size_t i = 0; i < family->n; i++) {
        for (size_t a = 0; a < MOST_ALIASES && family->units[i].aliases[a]; a++) {
            if (strcmp(family->units[i].aliases[a], normal) == 0)
                return &family->units[i];
        }
    }
    return NULL;
}

/* Whether `to` asks for the unit that suits the value. */
static bool is_automatic(const char *to)
{
    return strcmp(to, SP_UNIT_AUTO) == 0 || strcmp(to, "minimum") == 0;
}

/* The largest unit in which `value`, in base units, is at least 1. */
static const struct unit *suitable_unit(const struct family *family, double value)
{
    const struct unit *unit = &family->fallback;
    for (size_t i = 0; i < family->n; i++) {
        if (value / family->units[i].factor >= 1.0)
            unit = &family->units[i];
    }
    return unit;
}

static struct sp_scaled in_unit(const struct family *family, double value, const char *to)
{
    const struct unit *unit = is_automatic(to) ? suitable_unit(family, value) : find_unit(family, to);
    if (!unit)
        unit = &family->fallback;
    return (struct sp_scaled){value / unit->factor, unit->name};
}

/* Units that are not worth a word. */
static bool is_silent(const char *unit)
{
    return is_automatic(unit) || strcmp(unit, "count") == 0 || strcmp(unit, "sample") == 0 || strcmp(unit, "unit") == 0;
}

struct sp_scaled sp_scale(int64_t value, const char *from, const char *to)
{
    if (value < 0 && value > INT64_MIN) {
        struct sp_scaled positive = sp_scale(-value, from, to);
        return (struct sp_scaled){-positive.value, positive.unit};
    }
    for (size_t i = 0; i < LENGTH(families); i++) {
        const struct unit *unit = find_unit(&families[i], from);
        if (unit)
            return in_unit(&families[i], (double)value * unit->factor, to);
    }
    return (struct sp_scaled){(double)value, is_silent(to) ? "" : to};
}

const char *sp_scaled_text(int64_t value, const char *from, const char *to, char number[SP_VALUE_TEXT_BYTES])
{
    struct sp_scaled scaled = sp_scale(value, from, to);
    snprintf(number, SP_VALUE_TEXT_BYTES, "%.2f", scaled.value);
    char *decimals = strchr(number, '.');
    if (decimals && strcmp(decimals, ".00") == 0)
        *decimals = '\0';
    if (strcmp(number, "0") != 0 && strcmp(number, "-0") != 0)
        return scaled.unit;
    strcpy(number, "0");
    return "";
}

void sp_percent_text(int64_t value, int64_t total, char text[SP_PERCENT_TEXT_BYTES])
{
    double percent = total ? fabs((double)value / (double)total) * 100 : 0;
    if (percent >= 99.95 && percent <= 100.05)
        strcpy(text, "  100%");
    else
        snprintf(text, SP_PERCENT_TEXT_BYTES, percent >= 1.0 ? "%5.2f%%" : "%5.2g%%", percent);
}

int64_t sp_truncated(double value)
{
    return value >= -0x1p63 && value < 0x1p63 ? (int64_t)value : INT64_MIN;
}

bool sp_units_are_comparable(const char *a, const char *b)
{
    if (strcmp(a, b) == 0)
        return true;
    for (size_t i = 0; i < LENGTH(families); i++)
        if (find_unit(&families[i], a) && find_unit(&families[i], b))
            return true;
    return false;
}
