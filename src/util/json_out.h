/*
 * Writing JSON as it comes, without a tree of it in memory.
 *
 *     sp_json_begin(&json, '{');
 *     sp_json_key(&json, "values");
 *     sp_json_begin(&json, '[');
 *     sp_json_int(&json, 1);
 *     sp_json_end(&json, ']');
 *     sp_json_end(&json, '}');
 *     error = sp_json_finish(&json);
 *
 * Commas are put where they belong; that brackets match is the caller's care. Text goes through a buffer to a sink.
 *
 * Place: util; under the formats that are JSON, and under --json of commands. Context: ordinary code; no locks.
 */
#ifndef SIGPROF_UTIL_JSON_OUT_H
#define SIGPROF_UTIL_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SP_JSON_BUFFER_BYTES = 8192 };

/* Integers up to this one are exact in readers that keep all numbers as doubles: 2^53. */
#define SP_JSON_EXACT_MAX (INT64_C(1) << 53)

struct sp_json {
    /* Takes data[0..n): 0 or -errno, after which it is not called again. */
    int (*sink)(void *user, const void *data, size_t n);
    void *user;
    int error; /* sticky */
    bool needs_comma;
    size_t n; /* in the buffer */
    char buffer[SP_JSON_BUFFER_BYTES];
};

void sp_json_init(struct sp_json *json, int (*sink)(void *user, const void *data, size_t n), void *user);

/* Hands over what is left, with a newline behind it: 0, or the first error of the sink. */
int sp_json_finish(struct sp_json *json);

/* An object ('{', '}') or an array ('[', ']'). */
void sp_json_begin(struct sp_json *json, char bracket);
void sp_json_end(struct sp_json *json, char bracket);

/* A line break before the next item, for people's eyes. */
void sp_json_line(struct sp_json *json);

/* The next value's name in an object. */
void sp_json_key(struct sp_json *json, const char *key);

/* Values. Text has to be UTF-8. */
void sp_json_string(struct sp_json *json, const char *text);
void sp_json_int(struct sp_json *json, int64_t value);
void sp_json_uint(struct sp_json *json, uint64_t value);
/* With up to 17 digits, so that it is read back as it was; null where JSON has no such number (infinite, NaN). */
void sp_json_real(struct sp_json *json, double value);
void sp_json_bool(struct sp_json *json, bool value);
void sp_json_null(struct sp_json *json);

/* The number, as a string of its digits where a double would not hold it: beyond ±SP_JSON_EXACT_MAX. */
void sp_json_exact(struct sp_json *json, int64_t value);
/* The string "0x…" of an address. */
void sp_json_hex(struct sp_json *json, uint64_t value);

/* A key and its value. */
static inline void sp_json_put_string(struct sp_json *json, const char *key, const char *text)
{
    sp_json_key(json, key);
    sp_json_string(json, text);
}

static inline void sp_json_put_int(struct sp_json *json, const char *key, int64_t value)
{
    sp_json_key(json, key);
    sp_json_int(json, value);
}

static inline void sp_json_put_bool(struct sp_json *json, const char *key, bool value)
{
    sp_json_key(json, key);
    sp_json_bool(json, value);
}

static inline void sp_json_put_null(struct sp_json *json, const char *key)
{
    sp_json_key(json, key);
    sp_json_null(json);
}

/* A key, and the beginning of the object or array that is its value. */
static inline void sp_json_open(struct sp_json *json, const char *key, char bracket)
{
    sp_json_key(json, key);
    sp_json_begin(json, bracket);
}

#endif
