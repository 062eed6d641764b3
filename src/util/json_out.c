/*
 * Commas, escapes, digits. See json_out.h.
 *
 * A comma is due when a value was written and its array or object has not ended since: one flag, no stack of brackets.
 *
 * Place: util. Context: ordinary code.
 */
#include "util/json_out.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_NUMBER = 32 };

void sp_json_init(struct sp_json *json, int (*sink)(void *user, const void *data, size_t n), void *user)
{
    json->sink = sink;
    json->user = user;
    json->error = 0;
    json->needs_comma = false;
    json->n = 0;
}

static void flush(struct sp_json *json)
{
    if (json->error == 0 && json->n > 0)
        json->error = json->sink(json->user, json->buffer, json->n);
    json->n = 0;
}

static void put_bytes(struct sp_json *json, const char *bytes, size_t n)
{
    if (n > sizeof json->buffer - json->n)
        flush(json);
    if (n > sizeof json->buffer) {
        if (json->error == 0)
            json->error = json->sink(json->user, bytes, n);
        return;
    }
    memcpy(json->buffer + json->n, bytes, n);
    json->n += n;
}

static void put_char(struct sp_json *json, char c)
{
    if (json->n == sizeof json->buffer)
        flush(json);
    json->buffer[json->n++] = c;
}

/* What stands before any value. */
static void begin_value(struct sp_json *json)
{
    if (json->needs_comma)
        put_char(json, ',');
    json->needs_comma = true;
}

int sp_json_finish(struct sp_json *json)
{
    put_char(json, '\n');
    flush(json);
    return json->error;
}

void sp_json_begin(struct sp_json *json, char bracket)
{
    begin_value(json);
    put_char(json, bracket);
    json->needs_comma = false;
}

void sp_json_end(struct sp_json *json, char bracket)
{
    put_char(json, bracket);
    json->needs_comma = true;
}

void sp_json_line(struct sp_json *json)
{
    if (json->needs_comma)
        put_char(json, ',');
    json->needs_comma = false;
    put_char(json, '\n');
}

/* DEL is no control character to JSON, but it is one to a terminal. */
static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
}

static void put_escape(struct sp_json *json, unsigned char c)
{
    char text[8];
    switch (c) {
    case '"':
    case '\\':
        put_char(json, '\\');
        put_char(json, (char)c);
        return;
    case '\n':
        put_bytes(json, "\\n", 2);
        return;
    case '\t':
        put_bytes(json, "\\t", 2);
        return;
    default:
        put_bytes(json, text, (size_t)snprintf(text, sizeof text, "\\u%04x", c));
    }
}

static void put_quoted(struct sp_json *json, const char *text)
{
    put_char(json, '"');
    for (const char *end = text; *text != '\0'; text = end) {
        while (*end != '\0' && is_plain((unsigned char)*end))
            end++;
        put_bytes(json, text, (size_t)(end - text));
        if (*end != '\0')
            put_escape(json, (unsigned char)*end++);
    }
    put_char(json, '"');
}

void sp_json_key(struct sp_json *json, const char *key)
{
    begin_value(json);
    put_quoted(json, key);
    put_char(json, ':');
    json->needs_comma = false;
}

void sp_json_string(struct sp_json *json, const char *text)
{
    begin_value(json);
    put_quoted(json, text);
}

/* By hand: a large profile is tens of millions of numbers. */
static void put_digits(struct sp_json *json, bool is_negative, uint64_t magnitude)
{
    char digits[LONGEST_NUMBER];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    if (is_negative)
        digits[--at] = '-';
    put_bytes(json, digits + at, sizeof digits - at);
}

static void put_signed(struct sp_json *json, int64_t value)
{
    put_digits(json, value < 0, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void sp_json_int(struct sp_json *json, int64_t value)
{
    begin_value(json);
    put_signed(json, value);
}

void sp_json_uint(struct sp_json *json, uint64_t value)
{
    begin_value(json);
    put_digits(json, false, value);
}

void sp_json_real(struct sp_json *json, double value)
{
    char text[LONGEST_NUMBER];
    if (!isfinite(value)) {
        sp_json_null(json);
        return;
    }
    begin_value(json);
    int n = snprintf(text, sizeof text, "%.15g", value);
    if (strtod(text, NULL) != value)
        n = snprintf(text, sizeof text, "%.17g", value);
    put_bytes(json, text, (size_t)n);
}

void sp_json_bool(struct sp_json *json, bool value)
{
    begin_value(json);
    if (value)
        put_bytes(json, "true", 4);
    else
        put_bytes(json, "false", 5);
}

void sp_json_null(struct sp_json *json)
{
    begin_value(json);
    put_bytes(json, "null", 4);
}

void sp_json_exact(struct sp_json *json, int64_t value)
{
    const bool is_exact = value >= -SP_JSON_EXACT_MAX && value <= SP_JSON_EXACT_MAX;
    begin_value(json);
    if (!is_exact)
        put_char(json, '"');
    put_signed(json, value);
    if (!is_exact)
        put_char(json, '"');
}

void sp_json_hex(struct sp_json *json, uint64_t value)
{
    char text[LONGEST_NUMBER];
    begin_value(json);
    put_bytes(json, text, (size_t)snprintf(text, sizeof text, "\"0x%llx\"", (unsigned long long)value));
}
