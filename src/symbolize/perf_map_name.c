/*
 * The texts of perf maps, taken apart by their shapes. See perf_map_name.h, which has examples.
 *
 * A shape is a function of a table, asked in order; the first that knows the text as its runtime's fills in the parts.
 * They are strict: what merely looks alike is left whole, as a longer name harms less than a wrong one.
 * Context: any thread; no state.
 */
#include "symbolize/perf_map_name.h"

#include <stdbool.h>
#include <string.h>

/* A piece of a text. */
struct piece {
    const char *at;
    size_t n;
};

#define LITERAL(text) ((struct piece){text, sizeof(text) - 1})

static bool begins_with(struct piece text, struct piece with)
{
    return text.n >= with.n && memcmp(text.at, with.at, with.n) == 0;
}

/* Takes `with` off the beginning; false when it is not there. */
static bool take(struct piece *text, struct piece with)
{
    if (!begins_with(*text, with))
        return false;
    text->at += with.n;
    text->n -= with.n;
    return true;
}

static bool is_one_of(char c, struct piece set)
{
    return memchr(set.at, c, set.n) != NULL;
}

static struct piece first_bytes(struct piece text, size_t n)
{
    return (struct piece){text.at, n};
}

static struct piece behind(struct piece text, size_t n)
{
    return (struct piece){text.at + n, text.n - n};
}

/* The place of a text within another, or text.n. */
static size_t find(struct piece text, struct piece what)
{
    const char *at = memmem(text.at, text.n, what.at, what.n);
    return at ? (size_t)(at - text.at) : text.n;
}

/* `out` has room for the longest text. */
static void put(char *out, struct piece text)
{
    memcpy(out, text.at, text.n);
    out[text.n] = '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes ":12" off the end, and gives the number; false when there is none. */
static bool take_number(struct piece *text, int64_t *number)
{
    size_t digits = 0;
    *number = 0;
    while (digits < text->n && digits < 10 && is_digit(text->at[text->n - digits - 1]))
        digits++;
    if (digits == 0 || digits == text->n || text->at[text->n - digits - 1] != ':')
        return false;
    for (size_t i = text->n - digits; i < text->n; i++)
        *number = *number * 10 + (text->at[i] - '0');
    text->n -= digits + 1;
    return true;
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A path as it is, or that of a "file://" address, without its %20 and the like. */
static void put_path(char *out, struct piece path)
{
    if (!take(&path, LITERAL("file:///"))) {
        put(out, path);
        return;
    }
    size_t n = 0;
    out[n++] = '/';
    while (path.n > 0) {
        char byte = path.at[0];
        if (path.n > 2 && byte == '%' && hex_value(path.at[1]) >= 0 && hex_value(path.at[2]) >= 0) {
            byte = (char)(hex_value(path.at[1]) << 4 | hex_value(path.at[2]));
            path = behind(path, 2);
        }
        path = behind(path, 1);
        out[n++] = byte;
    }
    out[n] = '\0';
}

/* Where "name path" has its blank: before what begins a path, as names ("get size") and paths both may have others. */
static size_t blank_before_path(struct piece text)
{
    static const struct piece beginnings[] = {LITERAL(" /"), LITERAL(" file:///"), LITERAL(" node:"),
                                              LITERAL(" internal/")};
    size_t first = text.n;
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        const size_t at = find(text, beginnings[i]);
        first = at < first ? at : first;
    }
    const char *last = first == text.n ? memrchr(text.at, ' ', text.n) : NULL;
    return last ? (size_t)(last - text.at) : first;
}

/* V8 (Node): what it is, how it was compiled, then "name path:line:column". A script has no name of its own. */
static bool split_v8(struct piece text, struct sp_perf_map_parts *parts)
{
    static const struct piece kinds[] = {LITERAL("JS:"),     LITERAL("LazyCompile:"), LITERAL("Function:"),
                                         LITERAL("Script:"), LITERAL("Eval:"),        LITERAL("Callback:")};
    bool is_known = false;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !is_known; i++)
        is_known = take(&text, kinds[i]);
    if (!is_known || text.n == 0 || !is_one_of(text.at[0], LITERAL("*~^+")))
        return false;
    text = behind(text, 1);
    struct piece path = text;
    int64_t column, line = 0;
    if (take_number(&path, &column) && !take_number(&path, &line))
        line = column; /* it is the only number */
    const size_t blank = path.n < text.n ? blank_before_path(path) : path.n;
    const bool has_path = blank < path.n;
    put(parts->name, has_path ? first_bytes(path, blank) : text);
    if (parts->name[0] == '\0')
        strcpy(parts->name, "(anonymous)");
    if (has_path) {
        put_path(parts->file, behind(path, blank + 1));
        parts->start_line = line;
    }
    return true;
}

/* CPython: "py::qualified name:path". */
static bool split_python(struct piece text, struct sp_perf_map_parts *parts)
{
    if (!take(&text, LITERAL("py::")))
        return false;
    const size_t colon = find(text, LITERAL(":"));
    if (colon == 0 || colon + 1 >= text.n)
        return false;
    put(parts->name, first_bytes(text, colon));
    put(parts->file, behind(text, colon + 1));
    return true;
}

/* LuaJIT: "TRACE_number::path:line". */
static bool split_lua(struct piece text, struct sp_perf_map_parts *parts)
{
    const size_t colons = find(text, LITERAL("::"));
    struct piece path = colons < text.n ? behind(text, colons + 2) : text;
    int64_t line;
    if (!begins_with(text, LITERAL("TRACE_")) || colons == text.n || !take_number(&path, &line))
        return false;
    put(parts->name, first_bytes(text, colons));
    put(parts->file, path);
    parts->start_line = line;
    return true;
}

/* Whether these are letters of a Java name with its packages, or bytes beyond ASCII. */
static bool is_java_name(struct piece text, char separator)
{
    for (size_t i = 0; i < text.n; i++) {
        const char c = text.at[i], lower = (char)(c | 0x20);
        if (!is_digit(c) && !(lower >= 'a' && lower <= 'z') && !(c & 0x80) && c != separator &&
            !is_one_of(c, LITERAL("_$<>")))
            return false;
    }
    return text.n > 0;
}

/* Takes "(File.java:12)" off the end. */
static void take_java_place(struct piece *text, struct sp_perf_map_parts *parts)
{
    const char *open = memrchr(text->at, '(', text->n);
    if (!open || text->at[text->n - 1] != ')')
        return;
    struct piece place = behind(*text, (size_t)(open - text->at) + 1);
    place.n--;
    if (!take_number(&place, &parts->start_line))
        return;
    put(parts->file, place);
    text->n = (size_t)(open - text->at);
}

/* Java by perf-map-agent: "Lpackage/Class;::method", perhaps with "(signature)type", perhaps with its place. */
static bool split_java_agent(struct piece text, struct sp_perf_map_parts *parts)
{
    struct piece method = text;
    const size_t end = find(text, LITERAL(";::"));
    if (end == text.n || end < 2 || text.at[0] != 'L')
        return false;
    const struct piece class = {text.at + 1, end - 1};
    method = behind(text, end + 3);
    if (method.n == 0 || !is_java_name(class, '/'))
        return false;
    take_java_place(&method, parts);
    const size_t length = find(method, LITERAL("("));
    const bool is_method = is_java_name(first_bytes(method, length), '_');
    if (is_method) {
        put(parts->name, class);
        for (char *c = parts->name; (c = strchr(c, '/'));)
            *c = '.';
        parts->name[class.n] = '.';
        put(parts->name + class.n + 1, first_bytes(method, length));
    }
    return is_method;
}

/* Java by itself: "type package.Class.method(types)". */
static bool split_java(struct piece text, struct sp_perf_map_parts *parts)
{
    const size_t blank = find(text, LITERAL(" ")), open = find(text, LITERAL("("));
    if (open == text.n || blank >= open || text.at[text.n - 1] != ')')
        return false;
    const struct piece type = first_bytes(text, blank), name = {text.at + blank + 1, open - blank - 1};
    const size_t brackets = find(type, LITERAL("[]"));
    if (!is_java_name(first_bytes(type, brackets), '.') || !is_java_name(name, '.') || !memchr(name.at, '.', name.n))
        return false;
    put(parts->name, name);
    return true;
}

void sp_perf_map_name_split(const char *text, size_t length, struct sp_perf_map_parts *parts)
{
    static bool (*const shapes[])(struct piece, struct sp_perf_map_parts *) = {split_v8, split_python, split_lua,
                                                                               split_java_agent, split_java};
    const struct piece whole = {text, length < SP_PERF_MAP_NAME_MAX ? length : SP_PERF_MAP_NAME_MAX};
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        parts->name[0] = parts->file[0] = '\0';
        parts->start_line = 0;
        if (shapes[i](whole, parts))
            return;
    }
    parts->file[0] = '\0';
    parts->start_line = 0;
    put(parts->name, whole);
}
