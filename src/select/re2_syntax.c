/*
 * RE2's syntax in PCRE2's words: groups, repetitions, anchors and escapes. Classes are in re2_class.c.
 *
 * The pattern is read once, and what is written uses the plainest of PCRE2: (...), |, *, {n,m}, classes with ranges,
 * (?i) and (?-i). So no two spellings can mean different things to the two. Only whether a text matches counts, so
 * captures and (un)greediness are left out.
 *
 * Place on the way of a sample: see re2_syntax.h. Context: ordinary code of one thread at a time.
 */
#include "select/re2_syntax.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/utf8.h"
#include "select/re2_parser.h"

enum {
    MOST_REPEATS = 1000,
    MOST_PATTERN_BYTES = 1 << 20,
    NO_LIMIT = -1,
    TOO_LARGE = -2,
};

bool re2_fail(struct re2_parser *parser, const char *what, const char *from, const char *to)
{
    if (parser->why_size)
        snprintf(parser->why, parser->why_size, "error parsing regexp: %s: `%.*s`", what, (int)(to - from), from);
    return false;
}

/* The same, of the whole pattern. */
static bool fail_whole(struct re2_parser *parser, const char *what)
{
    return re2_fail(parser, what, parser->pattern, parser->pattern + strlen(parser->pattern));
}

uint32_t re2_next_rune(const char **at)
{
    const unsigned char *bytes = (const unsigned char *)*at;
    int n = bytes[0] < 0x80 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
    uint32_t rune = n == 1 ? bytes[0] : bytes[0] & (0x7fu >> n);
    for (int i = 1; i < n; i++)
        rune = rune << 6 | (bytes[i] & 0x3f);
    *at += n;
    return rune;
}

void re2_show_folding(struct re2_parser *parser)
{
    bool is_folding = parser->flags & RE2_FOLDS_CASE;
    if (is_folding != parser->is_folding)
        fputs(is_folding ? "(?i)" : "(?-i)", parser->out);
    parser->is_folding = is_folding;
}

void re2_put_rune(struct re2_parser *parser, uint32_t rune)
{
    if (rune >= 0xd800 && rune <= 0xdfff)
        fputs("\\p{Cs}", parser->out); /* no text has one; PCRE2 does not take its number */
    else if (rune >= 0x7f || rune < ' ')
        fprintf(parser->out, "\\x{%x}", rune);
    else
        fprintf(parser->out, isalnum((int)rune) ? "%c" : "\\%c", (char)rune);
}

/* Begins an operand: what a repetition would be of. */
static void begin_operand(struct re2_parser *parser)
{
    if (parser->group_factor < parser->factor)
        parser->group_factor = parser->factor;
    parser->factor = 1;
    parser->has_operand = true;
    parser->is_repeated = false;
}

static void put_literal(struct re2_parser *parser, uint32_t rune)
{
    begin_operand(parser);
    re2_show_folding(parser);
    re2_put_rune(parser, rune);
}

/* Writes what is matched without a character; in a group, as PCRE2 repeats no bare assertion. */
static void put_anchor(struct re2_parser *parser, const char *anchor)
{
    begin_operand(parser);
    fprintf(parser->out, "(?:%s)", anchor);
}

static bool open_group(struct re2_parser *parser)
{
    if (parser->depth == RE2_MOST_NESTED)
        return fail_whole(parser, "expression nests too deeply");
    begin_operand(parser);
    parser->groups[parser->depth++] = (struct re2_group){parser->flags, parser->is_folding, parser->group_factor};
    parser->group_factor = 1;
    parser->has_operand = false;
    /* PCRE2_NO_AUTO_CAPTURE makes it a plain group; of those that say so themselves it allows but some 600 inside each
     * other. */
    fputc('(', parser->out);
    return true;
}

static bool close_group(struct re2_parser *parser)
{
    if (parser->depth == 0)
        return fail_whole(parser, "unexpected )");
    const struct re2_group *group = &parser->groups[--parser->depth];
    begin_operand(parser);
    parser->factor = parser->group_factor;
    parser->flags = group->flags;
    parser->is_folding = group->is_folding;
    parser->group_factor = group->factor;
    fputc(')', parser->out);
    return true;
}

/* (?P<name> or (?<name>; the name starts at `name`. */
static bool open_named_group(struct re2_parser *parser, const char *name)
{
    const char *end = strchr(name, '>');
    if (!end)
        return re2_fail(parser, "invalid named capture", parser->at, parser->at + strlen(parser->at));
    const char *at = name;
    while (isalnum((unsigned char)*at) || *at == '_')
        at++;
    if (at == name || at != end)
        return re2_fail(parser, "invalid named capture", parser->at, end + 1);
    parser->at = end + 1;
    return open_group(parser);
}

static unsigned flag_of(char letter)
{
    switch (letter) {
    case 'i':
        return RE2_FOLDS_CASE;
    case 'm':
        return RE2_HAS_LINES;
    case 's':
        return RE2_DOT_ALL;
    case 'U':
        return RE2_UNGREEDY;
    default:
        return 0;
    }
}

/* (?flags) and (?flags:, at "(?". */
static bool read_flags(struct re2_parser *parser)
{
    const char *start = parser->at;
    const char *at = start + 2;
    unsigned flags = parser->flags;
    bool is_negative = false, has_flag = false;
    for (; *at && *at != ':' && *at != ')'; at++) {
        unsigned flag = flag_of(*at);
        if (*at == '-' && !is_negative) {
            is_negative = true;
            has_flag = false;
            continue;
        }
        if (!flag)
            break;
        flags = is_negative ? flags & ~flag : flags | flag;
        has_flag = true;
    }
    bool is_whole = (*at == ':' || *at == ')') && (!is_negative || has_flag);
    if (!is_whole) {
        if (*at)
            re2_next_rune(&at);
        return re2_fail(parser, "invalid or unsupported Perl syntax", start, at);
    }
    parser->at = at + 1;
    if (*at == ':' && !open_group(parser))
        return false;
    parser->flags = flags;
    return true;
}

static bool read_group(struct re2_parser *parser)
{
    const char *at = parser->at;
    if (at[1] != '?') {
        parser->at++;
        return open_group(parser);
    }
    if (at[2] == 'P' && at[3] == '<' && at[4])
        return open_named_group(parser, at + 4);
    if (at[2] == '<' && at[3])
        return open_named_group(parser, at + 3);
    return read_flags(parser);
}

/* A decimal number without leading zeros at `*at`: whether there is one. TOO_LARGE for what is above all limits. */
static bool read_number(const char **at, int *number)
{
    const char *digit = *at;
    if (!isdigit((unsigned char)*digit) || (*digit == '0' && isdigit((unsigned char)digit[1])))
        return false;
    int n = 0;
    for (; isdigit((unsigned char)*digit); digit++)
        n = n > MOST_REPEATS || n == TOO_LARGE ? TOO_LARGE : n * 10 + (*digit - '0');
    *number = n;
    *at = digit;
    return true;
}

/* {n}, {n,} or {n,m} at `*at`: whether it is one. */
static bool read_counts(const char **at, int *min, int *max)
{
    const char *next = *at + 1;
    if (!read_number(&next, min))
        return false;
    *max = *min;
    if (*next == ',') {
        next++;
        *max = NO_LIMIT;
        if (*next != '}' && !read_number(&next, max))
            return false;
    }
    if (*next != '}')
        return false;
    *at = next + 1;
    return true;
}

static bool are_good_counts(int min, int max)
{
    return min != TOO_LARGE && max != TOO_LARGE && min <= MOST_REPEATS && max <= MOST_REPEATS &&
           (max == NO_LIMIT || min <= max);
}

/* Whether the last operand may be that often, after what is repeated inside it. */
static bool multiply(struct re2_parser *parser, int min, int max)
{
    uint32_t times = (uint32_t)(max == NO_LIMIT ? min : max);
    if (times < 2)
        return true;
    parser->factor *= times; /* both are at most 1000 */
    return parser->factor <= MOST_REPEATS;
}

/* Writes the repetition that stands in [at, end). */
static bool put_repeat(struct re2_parser *parser, const char *end, int min, int max)
{
    const char *start = parser->at, *last = parser->last_repeat;
    bool is_counted = *start == '{';
    const char *after = end + (*end == '?');
    if (is_counted && !are_good_counts(min, max))
        return re2_fail(parser, "invalid repeat count", start, end);
    /* Go refuses a**, but takes a*(?i)*, as flags are no operand. Nobody means that. */
    if (last || parser->is_repeated)
        return re2_fail(parser, "invalid nested repetition operator", last ? last : start, after);
    if (!parser->has_operand)
        return re2_fail(parser, "missing argument to repetition operator", start, after);
    if (is_counted && !multiply(parser, min, max))
        return re2_fail(parser, "invalid repeat count", start, after);
    if (!is_counted)
        fputc(*start, parser->out);
    else if (max == NO_LIMIT)
        fprintf(parser->out, "{%d,}", min);
    else
        fprintf(parser->out, "{%d,%d}", min, max);
    parser->is_repeated = true;
    parser->last_repeat = start;
    parser->at = after;
    return true;
}

static bool read_octal(struct re2_parser *parser, uint32_t *rune)
{
    *rune = 0;
    for (int i = 0; i < 3 && *parser->at >= '0' && *parser->at <= '7'; i++)
        *rune = *rune * 8 + (uint32_t)(*parser->at++ - '0');
    return true;
}

static uint32_t hex_value(char digit)
{
    return (uint32_t)(isdigit((unsigned char)digit) ? digit - '0' : (digit | 0x20) - 'a' + 10);
}

/* \x7F or \x{10FFFF}; `at` is behind the x. On failure, behind what is wrong. */
static bool read_hex(struct re2_parser *parser, uint32_t *rune)
{
    bool is_braced = *parser->at == '{';
    const char *at = parser->at + is_braced, *first = at;
    uint32_t value = 0;
    while (isxdigit((unsigned char)*at) && (is_braced || at < first + 2) && value <= RE2_LAST_RUNE)
        value = value * 16 + hex_value(*at++);
    bool is_good = value <= RE2_LAST_RUNE && (is_braced ? at > first && *at == '}' : at == first + 2);
    if (is_good && is_braced)
        at++;
    else if (!is_good && *at && value <= RE2_LAST_RUNE)
        re2_next_rune(&at);
    parser->at = at;
    *rune = value;
    return is_good;
}

bool re2_read_escape(struct re2_parser *parser, uint32_t *rune)
{
    static const char letters[] = "afnrtv", values[] = "\a\f\n\r\t\v";
    const char *start = parser->at++;
    char c = *parser->at;
    if (!c)
        return re2_fail(parser, "trailing backslash at end of expression", "", "");
    if (c == '0' || (c >= '1' && c <= '7' && parser->at[1] >= '0' && parser->at[1] <= '7'))
        return read_octal(parser, rune);
    *rune = re2_next_rune(&parser->at);
    const char *letter = *rune < 0x80 ? strchr(letters, c) : NULL;
    if (letter)
        *rune = (uint32_t)values[letter - letters];
    else if (c == 'x') {
        if (!read_hex(parser, rune))
            return re2_fail(parser, "invalid escape sequence", start, parser->at);
    } else if (*rune >= 0x80 || isalnum((unsigned char)c))
        return re2_fail(parser, "invalid escape sequence", start, parser->at);
    return true;
}

/* \Q...\E */
static bool read_quoted(struct re2_parser *parser)
{
    const char *end = strstr(parser->at + 2, "\\E");
    const char *stop = end ? end : parser->at + strlen(parser->at);
    parser->at += 2;
    while (parser->at < stop)
        put_literal(parser, re2_next_rune(&parser->at));
    if (end)
        parser->at += 2;
    return true;
}

static bool read_backslash(struct re2_parser *parser)
{
    static const struct {
        char letter;
        const char *anchor;
    } anchors[] = {{'A', "\\A"}, {'b', "\\b"}, {'B', "\\B"}, {'z', "\\z"}};
    char c = parser->at[1];
    for (size_t i = 0; i < sizeof(anchors) / sizeof(anchors[0]); i++) {
        if (anchors[i].letter == c) {
            put_anchor(parser, anchors[i].anchor);
            parser->at += 2;
            return true;
        }
    }
    if (c == 'Q')
        return read_quoted(parser);
    if (c && strchr("dDsSwWpP", c))
        begin_operand(parser);
    int is_class = re2_class_escape(parser, false);
    uint32_t rune;
    if (is_class)
        return is_class > 0;
    if (!re2_read_escape(parser, &rune))
        return false;
    put_literal(parser, rune);
    return true;
}

static bool read_counted(struct re2_parser *parser)
{
    int min = 0, max = 0;
    const char *end = parser->at;
    if (read_counts(&end, &min, &max))
        return put_repeat(parser, end, min, max);
    put_literal(parser, '{');
    parser->at++;
    return true;
}

/* Translates what stands at `at`, of one character that is not a group, class, repetition or escape. */
static bool read_plain(struct re2_parser *parser)
{
    bool has_lines = parser->flags & RE2_HAS_LINES;
    uint32_t rune = re2_next_rune(&parser->at);
    switch (rune) {
    case '|':
        begin_operand(parser);
        parser->has_operand = false;
        fputc('|', parser->out);
        break;
    case '^':
        put_anchor(parser, has_lines ? "(?m)^" : "\\A");
        break;
    case '$':
        put_anchor(parser, has_lines ? "(?m)$" : "\\z");
        break;
    case '.':
        begin_operand(parser);
        fputs(parser->flags & RE2_DOT_ALL ? "(?s:.)" : "\\N", parser->out);
        break;
    default:
        put_literal(parser, rune);
    }
    return true;
}

/* Translates what comes next. */
static bool read_one(struct re2_parser *parser)
{
    switch (*parser->at) {
    case '(':
        return read_group(parser);
    case ')':
        parser->at++;
        return close_group(parser);
    case '[':
        begin_operand(parser);
        return re2_class(parser);
    case '*':
    case '+':
    case '?':
        return put_repeat(parser, parser->at + 1, 0, 0);
    case '{':
        return read_counted(parser);
    case '\\':
        return read_backslash(parser);
    default:
        return read_plain(parser);
    }
}

static bool read_all(struct re2_parser *parser)
{
    size_t length = strlen(parser->pattern);
    if (length > MOST_PATTERN_BYTES)
        return fail_whole(parser, "expression too large");
    if (!sp_utf8_is_valid(parser->pattern, length))
        return fail_whole(parser, "invalid UTF-8");
    while (*parser->at) {
        const char *last = parser->last_repeat;
        if (!read_one(parser))
            return false;
        if (parser->last_repeat == last)
            parser->last_repeat = NULL;
    }
    return parser->depth == 0 || fail_whole(parser, "missing closing )");
}

int sp_re2_translate(const char *pattern, char **translated, char *why, size_t why_size)
{
    struct re2_parser *parser = calloc(1, sizeof(*parser));
    if (!parser)
        return -ENOMEM;
    *parser = (struct re2_parser){.pattern = pattern, .at = pattern, .why = why, .why_size = why_size};
    parser->factor = parser->group_factor = 1;
    char *text = NULL;
    size_t size;
    int error = -ENOMEM;
    parser->out = open_memstream(&text, &size);
    if (parser->out) {
        error = read_all(parser) ? 0 : -EINVAL;
        if (fclose(parser->out) != 0)
            error = -ENOMEM;
    }
    free(parser);
    if (error)
        free(text);
    else
        *translated = text;
    return error;
}
