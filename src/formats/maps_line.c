/*
 * Reads a line of a memory map in the two ways that pprof does, the kernel's
 *
 *     START-LIMIT PERMISSIONS OFFSET DEVICE INODE FILE        device is hex:hex
 *
 * and, when it is not that, the brief one, of which all but the addresses may be missing:
 *
 *     START-LIMIT PERMISSIONS FILE (@OFFSET) BUILD-ID
 *
 * pprof has regular expressions for them, which accept more than they look like: between the addresses may stand white
 * space or nothing, in which case the last digit is the limit. That is kept: the same lines are mappings here and
 * there.
 *
 * Context: ordinary code.
 */
#include "formats/maps_line.h"

#include <string.h>

/* What is left of a line. */
struct cursor {
    const char *at, *end;
};

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_permission(char c)
{
    return c == '-' || c == 'r' || c == 'w' || c == 'x' || c == 'p';
}

static bool is_not_space(char c)
{
    return !sp_maps_is_space(c);
}

static void skip_spaces(struct cursor *cursor)
{
    while (cursor->at < cursor->end && sp_maps_is_space(*cursor->at))
        cursor->at++;
}

/* Takes as many characters of a kind as there are: false when there are none. */
static bool take(struct cursor *cursor, bool (*is_kind)(char), struct sp_piece *piece)
{
    const char *at = cursor->at;
    while (at < cursor->end && is_kind(*at))
        at++;
    if (at == cursor->at)
        return false;
    *piece = (struct sp_piece){cursor->at, (size_t)(at - cursor->at)};
    cursor->at = at;
    return true;
}

/* The same behind white space, of which there has to be some. Nothing moves when it fails. */
static bool take_word(struct cursor *cursor, bool (*is_kind)(char), struct sp_piece *piece)
{
    struct cursor ahead = *cursor;
    skip_spaces(&ahead);
    if (ahead.at == cursor->at || !take(&ahead, is_kind, piece))
        return false;
    *cursor = ahead;
    return true;
}

static bool take_char(struct cursor *cursor, char c)
{
    if (cursor->at == cursor->end || *cursor->at != c)
        return false;
    cursor->at++;
    return true;
}

/* Hexadecimal digits, which 0x may stand before. */
static bool take_address(struct cursor *cursor, struct sp_piece *piece)
{
    struct cursor ahead = *cursor;
    if (take_char(&ahead, '0') && take_char(&ahead, 'x') && take(&ahead, is_hex, piece)) {
        *cursor = ahead;
        return true;
    }
    return take(cursor, is_hex, piece);
}

struct range {
    struct sp_piece start, limit;
};

/* Two addresses, or with `is_joined` one whose last digit is the second. */
static bool take_range(struct cursor *cursor, bool is_joined, struct range *range)
{
    skip_spaces(cursor);
    if (!take_address(cursor, &range->start))
        return false;
    if (is_joined) {
        if (range->start.n < 2)
            return false;
        range->start.n--;
        range->limit = (struct sp_piece){range->start.at + range->start.n, 1};
    } else {
        if (cursor->at < cursor->end && (*cursor->at == '-' || sp_maps_is_space(*cursor->at)))
            cursor->at++;
        skip_spaces(cursor);
        if (!take_address(cursor, &range->limit))
            return false;
    }
    take_char(cursor, ':');
    return true;
}

/* A word that is HEX:HEX. */
static bool take_device(struct cursor *cursor)
{
    struct sp_piece ignored;
    struct cursor ahead = *cursor;
    if (!take_word(&ahead, is_hex, &ignored) || !take_char(&ahead, ':') || !take(&ahead, is_hex, &ignored))
        return false;
    *cursor = ahead;
    return true;
}

static bool take_kernels(struct cursor cursor, struct sp_maps_line *line, struct sp_piece *offset)
{
    struct sp_piece ignored;
    take_word(&cursor, is_permission, &line->permissions);
    if (!take_device(&cursor)) {
        if (!take_word(&cursor, is_hex, offset) || !take_device(&cursor))
            return false;
    }
    if (!take_word(&cursor, is_digit, &ignored))
        return false;
    take_word(&cursor, is_not_space, &line->file);
    return true;
}

static void take_brief(struct cursor cursor, struct sp_maps_line *line, struct sp_piece *offset)
{
    take_word(&cursor, is_permission, &line->permissions);
    take_word(&cursor, is_not_space, &line->file);
    struct cursor ahead = cursor;
    skip_spaces(&ahead);
    if (ahead.at > cursor.at && take_char(&ahead, '(') && take_char(&ahead, '@') && take(&ahead, is_hex, offset) &&
        take_char(&ahead, ')'))
        cursor = ahead;
    else
        *offset = (struct sp_piece){0};
    take_word(&cursor, is_hex, &line->build_id);
}

/* A number of up to 64 bits. */
static bool parse_hex(struct sp_piece piece, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < piece.n; i++) {
        const char c = piece.at[i];
        if (*value >> 60 != 0)
            return false;
        *value = *value << 4 | (uint64_t)(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return true;
}

struct sp_piece sp_maps_without_log_prefix(struct sp_piece line)
{
    const char *at = line.at, *end = line.at + line.n;
    while (at < end && *at != '[' && *at != ']')
        at++;
    if (end - at < 2 || *at != ']' || !sp_maps_is_space(at[1]))
        return line;
    const char *digit = at;
    while (digit > line.at && is_digit(digit[-1]))
        digit--;
    if (digit == at || digit - line.at < 2 || digit[-1] != ':')
        return line;
    return (struct sp_piece){at + 2, (size_t)(end - (at + 2))};
}

bool sp_maps_line_parse(const char *at, size_t n, struct sp_maps_line *line)
{
    const struct cursor whole = {at, at + n};
    bool is_mapping = false;
    for (unsigned way = 0; way < 4 && !is_mapping; way++) {
        struct cursor cursor = whole;
        struct range range;
        struct sp_piece offset = {0};
        *line = (struct sp_maps_line){0};
        if (!take_range(&cursor, way % 2 == 1, &range))
            continue;
        if (way < 2)
            is_mapping = take_kernels(cursor, line, &offset);
        else
            take_brief(cursor, line, &offset), is_mapping = true;
        if (is_mapping)
            return parse_hex(range.start, &line->start) && parse_hex(range.limit, &line->limit) &&
                   parse_hex(offset, &line->offset);
    }
    return false;
}
