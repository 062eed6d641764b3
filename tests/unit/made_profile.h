/*
 * A profile that a test makes line by line, and what a format writes of it.
 *
 *     struct made made = made_new("cpu", "nanoseconds");
 *     uint32_t main = made_frame(&made, "main", "m.c", 3);
 *     made_sample(&made, 5, 2, leaf, main);
 *     made_expect(&made, "folded", "main;leaf 5\n");
 */
#ifndef SIGPROF_TESTS_MADE_PROFILE_H
#define SIGPROF_TESTS_MADE_PROFILE_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "formats/formats.h"

enum { MADE_DEEPEST = 16 };

struct made {
    struct sp_profile *profile;
    uint64_t next_address;
};

static inline struct made made_new(const char *type, const char *unit)
{
    struct made made = {sp_profile_new(), 0x1000};
    assert_non_null(made.profile);
    sp_profile_add_sample_type(made.profile, type, unit);
    return made;
}

static inline uint32_t made_mapping(struct made *made, uint64_t start, uint64_t limit, const char *file)
{
    const struct sp_mapping mapping = {.start = start, .limit = limit, .file = sp_profile_string(made->profile, file)};
    return sp_profile_add_mapping(made->profile, &mapping);
}

static inline struct sp_line made_line(struct made *made, const char *name, const char *file, int64_t line)
{
    const struct sp_function function = {
        .name = sp_profile_string(made->profile, name),
        .system_name = sp_profile_string(made->profile, name),
        .filename = sp_profile_string(made->profile, file),
    };
    return (struct sp_line){.function = sp_profile_function(made->profile, &function), .line = line};
}

/* A new location with these lines, innermost first, at an address of its own. */
static inline uint32_t made_location(struct made *made, uint32_t mapping, const struct sp_line *lines, uint32_t n)
{
    const struct sp_location location = {.mapping = mapping, .address = made->next_address++};
    return sp_profile_add_location(made->profile, &location, lines, n);
}

static inline uint32_t made_frame(struct made *made, const char *name, const char *file, int64_t line)
{
    const struct sp_line only = made_line(made, name, file, line);
    return made_location(made, SP_NONE, &only, 1);
}

/* A sample of `value` in each type, with labels; the `n` locations, the leaf first, follow. */
static inline void made_sample_of(struct made *made, const struct sp_label *labels, uint32_t n_labels, int64_t value,
                                  unsigned n, ...)
{
    uint32_t stack[MADE_DEEPEST];
    int64_t values[MADE_DEEPEST];
    va_list locations;
    assert_true(n <= MADE_DEEPEST && made->profile->sample_types.n <= MADE_DEEPEST);
    va_start(locations, n);
    for (unsigned i = 0; i < n; i++)
        stack[i] = va_arg(locations, uint32_t);
    va_end(locations);
    for (size_t i = 0; i < made->profile->sample_types.n; i++)
        values[i] = value * (int64_t)(i + 1);
    sp_profile_append_sample(made->profile, stack, n, labels, n_labels, values);
}
#define made_sample(made, value, ...) made_sample_of((made), NULL, 0, (value), __VA_ARGS__)

/* What `format` writes, as text; to be freed. */
static inline char *made_written(const struct made *made, const char *name, const struct sp_write_options *options)
{
    const struct sp_format *format = sp_format_find(name);
    struct sp_bytes bytes = {0};
    assert_non_null(format);
    assert_int_equal(sp_profile_error(made->profile), 0);
    assert_int_equal(format->write(made->profile, options, &bytes), 0);
    char *text = malloc(bytes.n + 1);
    assert_non_null(text);
    if (bytes.n > 0)
        memcpy(text, bytes.at, bytes.n);
    text[bytes.n] = '\0';
    assert_int_equal(strlen(text), bytes.n);
    sp_bytes_done(&bytes);
    return text;
}

static inline void made_expect(const struct made *made, const char *name, const char *expected)
{
    char *text = made_written(made, name, NULL);
    assert_string_equal(text, expected);
    free(text);
}

/* That `part` is in what is written. */
static inline void made_expect_part(const struct made *made, const char *name, const char *part)
{
    char *text = made_written(made, name, NULL);
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in:\n%s", part, text);
    free(text);
}

#endif
