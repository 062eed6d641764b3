/*
 * Reads folded stacks.
 *
 * Place on the way of a sample: file → *this* → profile; folded.h draws a line.
 *
 * A frame is its name and nothing more: a function, and a location of its own without an address. Lines of one stack
 * are added up. In a file whose lines all end with two counts, as difffolded.pl makes them, these are two sample types;
 * that is found out before, since names may end with numbers, too.
 *
 * Context: ordinary code.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/folded.h"
#include "formats/is_text.h"
#include "formats/text_lines.h"
#include "util/room.h"

struct reading {
    struct sp_lines lines;
    struct sp_profile *profile;
    uint32_t *location_of; /* by function; SP_NONE: it has none */
    size_t n_functions, functions_capacity;
    uint32_t *stack; /* of a line; the root first */
    size_t stack_capacity;
    unsigned n_counts; /* of a line: 1 or 2 */
    char wrong[160];   /* "", or what; the line is that of `lines` */
};

/* The last word of line[0..*n), whose end moves before it and its white space; what is there of the line at least. */
static struct sp_span take_last_word(const char *line, size_t *n)
{
    size_t begin = *n;
    while (begin > 0 && !sp_is_blank(line[begin - 1]))
        begin--;
    const struct sp_span word = {line + begin, *n - begin};
    *n = begin;
    return word;
}

static bool looks_like_number(struct sp_span word)
{
    size_t i = word.n > 0 && (word.at[0] == '-' || word.at[0] == '+');
    bool has_digit = false;
    for (; i < word.n; i++) {
        has_digit |= word.at[i] >= '0' && word.at[i] <= '9';
        if (!(word.at[i] >= '0' && word.at[i] <= '9') && word.at[i] != '.')
            return false;
    }
    return has_digit;
}

/* Whole, as sp_parse_whole says; -EINVAL also for what is no number at all. */
static int parse_count(struct sp_span word, int64_t *count)
{
    return looks_like_number(word) ? sp_parse_whole(word, count) : -EINVAL;
}

/* Whether there is a comment or nothing on the line. */
static bool is_passed_over(struct sp_span line)
{
    return line.n == 0 || line.at[0] == '#';
}

static bool has_two_counts(struct sp_span line)
{
    int64_t count;
    for (unsigned i = 0; i < 2; i++) {
        if (parse_count(take_last_word(line.at, &line.n), &count) != 0)
            return false;
        while (line.n > 0 && sp_is_blank(line.at[line.n - 1]))
            line.n--;
    }
    return line.n > 0;
}

/* Whether every stack has two counts, and there is one. */
static bool is_differential(struct sp_lines lines)
{
    struct sp_span line;
    size_t n = 0;
    while (sp_lines_next(&lines, &line)) {
        if (is_passed_over(line))
            continue;
        if (!has_two_counts(line))
            return false;
        n++;
    }
    return n > 0;
}

/* The location of the frame called `name`. */
static uint32_t location_of(struct reading *reading, struct sp_span name)
{
    struct sp_profile *profile = reading->profile;
    const uint32_t string = sp_profile_string_n(profile, name.at, name.n);
    const struct sp_function function = {.name = string, .system_name = string};
    const uint32_t index = sp_profile_function(profile, &function);
    if (profile->error)
        return 0;
    while (reading->n_functions <= index) {
        if (!sp_make_room((void **)&reading->location_of, reading->n_functions, &reading->functions_capacity,
                          sizeof *reading->location_of)) {
            profile->error = -ENOMEM;
            return 0;
        }
        reading->location_of[reading->n_functions++] = SP_NONE;
    }
    if (reading->location_of[index] == SP_NONE) {
        const struct sp_location location = {.mapping = SP_NONE};
        const struct sp_line line = {.function = index};
        reading->location_of[index] = sp_profile_add_location(profile, &location, &line, 1);
    }
    return reading->location_of[index];
}

/* Puts the frames of the stack, the root first, into `stack`: how many, or 0 with the profile's error. */
static uint32_t read_stack(struct reading *reading, struct sp_span stack)
{
    const char *at = stack.at, *end = stack.at + stack.n;
    size_t n = 0;
    while (at <= end && stack.n > 0) {
        const char *semicolon = memchr(at, ';', (size_t)(end - at));
        const char *frame_end = semicolon ? semicolon : end;
        if (!sp_make_room((void **)&reading->stack, n, &reading->stack_capacity, sizeof *reading->stack)) {
            reading->profile->error = -ENOMEM;
            return 0;
        }
        reading->stack[n++] = location_of(reading, (struct sp_span){at, (size_t)(frame_end - at)});
        if (reading->profile->error)
            return 0;
        at = frame_end + 1;
    }
    return (uint32_t)n;
}

static void reverse(uint32_t *at, uint32_t n)
{
    for (uint32_t i = 0; i < n / 2; i++) {
        const uint32_t other = at[n - 1 - i];
        at[n - 1 - i] = at[i];
        at[i] = other;
    }
}

static bool read_count(struct reading *reading, struct sp_span *line, int64_t *count)
{
    const struct sp_span word = take_last_word(line->at, &line->n);
    const int error = parse_count(word, count);
    const int shown = word.n < 40 ? (int)word.n : 40;
    if (error == -ERANGE)
        snprintf(reading->wrong, sizeof reading->wrong, "the count %.*s is too large for a number of 64 bits", shown,
                 word.at);
    else if (error && looks_like_number(word))
        snprintf(reading->wrong, sizeof reading->wrong, "the count %.*s is not a whole number", shown, word.at);
    else if (error)
        snprintf(reading->wrong, sizeof reading->wrong, "there is no count at the end");
    else if (line->n == 0)
        snprintf(reading->wrong, sizeof reading->wrong, "there is no stack before the count");
    return reading->wrong[0] == '\0';
}

static void skip_blanks(struct sp_span *line)
{
    while (line->n > 0 && sp_is_blank(line->at[line->n - 1]))
        line->n--;
}

static void read_line(struct reading *reading, struct sp_span line)
{
    int64_t counts[2];
    for (unsigned i = reading->n_counts; i-- > 0;) {
        if (!read_count(reading, &line, &counts[i]))
            return;
        skip_blanks(&line);
    }
    const uint32_t n = read_stack(reading, line);
    reverse(reading->stack, n);
    sp_profile_add_sample(reading->profile, reading->stack, n, NULL, 0, counts);
}

static void read_all(struct reading *reading)
{
    struct sp_span line;
    reading->n_counts = is_differential(reading->lines) ? 2 : 1;
    if (reading->n_counts == 2)
        sp_profile_add_sample_type(reading->profile, "before", "count");
    sp_profile_add_sample_type(reading->profile, reading->n_counts == 2 ? "after" : "samples", "count");
    while (!reading->wrong[0] && !reading->profile->error && sp_lines_next(&reading->lines, &line)) {
        if (!is_passed_over(line))
            read_line(reading, line);
    }
}

int sp_folded_read(const uint8_t *data, size_t size, size_t memory_limit, struct sp_profile **profile, char *why,
                   size_t why_size)
{
    struct reading reading = {.lines = sp_lines_of(data, size), .profile = sp_profile_new()};
    if (reading.profile) {
        reading.profile->memory_limit = memory_limit;
        read_all(&reading);
    }
    free(reading.location_of);
    free(reading.stack);
    return sp_text_result(reading.profile, reading.wrong, reading.lines.number, profile, why, why_size);
}

/* The first stack, if it ends with a number or has several frames: then what is wrong with it can be said. */
bool sp_folded_looks_like(const uint8_t *data, size_t size)
{
    struct sp_lines lines = sp_lines_of(data, size);
    struct sp_span line;
    if (!sp_is_text(data, size))
        return false;
    while (sp_lines_next(&lines, &line)) {
        if (is_passed_over(line))
            continue;
        size_t n = line.n;
        const struct sp_span word = take_last_word(line.at, &n);
        const bool is_one_word = n == 0;
        return (looks_like_number(word) && !is_one_word) || memchr(line.at, ';', line.n) != NULL;
    }
    return false;
}
