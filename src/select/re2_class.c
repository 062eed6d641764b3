/*
 * RE2's classes in PCRE2's words: [a-z], \d, [[:alpha:]], \pN, \p{Greek}.
 *
 * All are written as ranges of characters, or as Unicode properties; PCRE2's own \s, \w and [:alpha:] differ in corners
 * (vertical tabs, (?i)).
 *
 * Place on the way of a sample: see re2_syntax.h. Context: ordinary code of one thread at a time.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "select/re2_parser.h"

enum { MOST_RANGES = 6, MOST_NAME_BYTES = 64 };

struct range {
    uint32_t first, last;
};

struct named_class {
    const char *name;
    struct range ranges[MOST_RANGES]; /* ascending; those after the last are {0, 0} */
};

#define LETTERS  \
    {'A', 'Z'},  \
    {            \
        'a', 'z' \
    }
#define WORD_LETTERS                    \
    {'0', '9'}, {'A', 'Z'}, {'_', '_'}, \
    {                                   \
        'a', 'z'                        \
    }
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* "ascii" begins at 1, as no text of a profile holds a NUL; and so the end of a list can be told. */
static const struct named_class classes[] = {
    {"alnum", {{'0', '9'}, LETTERS}},
    {"alpha", {LETTERS}},
    {"ascii", {{1, 0x7f}}},
    {"blank", {{'\t', '\t'}, {' ', ' '}}},
    {"cntrl", {{1, 0x1f}, {0x7f, 0x7f}}},
    {"digit", {{'0', '9'}}},
    {"graph", {{'!', '~'}}},
    {"lower", {{'a', 'z'}}},
    {"print", {{' ', '~'}}},
    {"punct", {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
    {"space", {{'\t', '\r'}, {' ', ' '}}},
    {"upper", {{'A', 'Z'}}},
    {"word", {WORD_LETTERS}},
    {"xdigit", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}},
    {"\\d", {{'0', '9'}}},
    {"\\s", {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}}},
    {"\\w", {WORD_LETTERS}},
};

static const struct {
    const char *name, *category;
} category_names[] = {
    {"CasedLetter", "LC"},
    {"ClosePunctuation", "Pe"},
    {"CombiningMark", "M"},
    {"ConnectorPunctuation", "Pc"},
    {"Control", "Cc"},
    {"CurrencySymbol", "Sc"},
    {"DashPunctuation", "Pd"},
    {"DecimalNumber", "Nd"},
    {"EnclosingMark", "Me"},
    {"FinalPunctuation", "Pf"},
    {"Format", "Cf"},
    {"InitialPunctuation", "Pi"},
    {"Letter", "L"},
    {"LetterNumber", "Nl"},
    {"LineSeparator", "Zl"},
    {"LowercaseLetter", "Ll"},
    {"Mark", "M"},
    {"MathSymbol", "Sm"},
    {"ModifierLetter", "Lm"},
    {"ModifierSymbol", "Sk"},
    {"NonspacingMark", "Mn"},
    {"Number", "N"},
    {"OpenPunctuation", "Ps"},
    {"Other", "C"},
    {"OtherLetter", "Lo"},
    {"OtherNumber", "No"},
    {"OtherPunctuation", "Po"},
    {"OtherSymbol", "So"},
    {"ParagraphSeparator", "Zp"},
    {"PrivateUse", "Co"},
    {"Punctuation", "P"},
    {"Separator", "Z"},
    {"SpaceSeparator", "Zs"},
    {"SpacingMark", "Mc"},
    {"Surrogate", "Cs"},
    {"Symbol", "S"},
    {"TitlecaseLetter", "Lt"},
    {"Unassigned", "Cn"},
    {"UppercaseLetter", "Lu"},
    {"cntrl", "Cc"},
    {"digit", "Nd"},
    {"punct", "P"},
};

static const char categories[] = " C Cc Cf Cn Co Cs L LC Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S "
                                 "Sc Sk Sm So Z Zl Zp Zs ";

/* Writes a range between brackets. Surrogates, which PCRE2 refuses and no text has, are cut off its ends. */
static bool put_range(struct re2_parser *parser, uint32_t first, uint32_t last)
{
    if (first >= 0xd800 && first <= 0xdfff)
        first = 0xe000;
    if (last >= 0xd800 && last <= 0xdfff)
        last = 0xd7ff;
    if (first > last) {
        re2_put_rune(parser, 0xd800);
        return true;
    }
    if (parser->flags & RE2_FOLDS_CASE) {
        parser->folded_runes += last - first + 1;
        if (parser->folded_runes > RE2_FOLDED_RUNES)
            return re2_fail(parser, "expression too large", parser->pattern, parser->pattern + strlen(parser->pattern));
    }
    re2_put_rune(parser, first);
    if (last > first) {
        fputc('-', parser->out);
        re2_put_rune(parser, last);
    }
    return true;
}

static const struct named_class *find_class(const char *name, size_t length)
{
    for (size_t i = 0; i < LENGTH(classes); i++) {
        if (strlen(classes[i].name) == length && memcmp(classes[i].name, name, length) == 0)
            return &classes[i];
    }
    return NULL;
}

static bool has_rune(const struct named_class *class, uint32_t rune)
{
    for (size_t i = 0; i < MOST_RANGES && class->ranges[i].last; i++) {
        if (rune >= class->ranges[i].first && rune <= class->ranges[i].last)
            return true;
    }
    return false;
}

/* Writes what the class does not have: of (?i), also not in the other case. */
static bool put_complement(struct re2_parser *parser, const struct named_class *class)
{
    bool is_folding = parser->flags & RE2_FOLDS_CASE;
    if (is_folding && (strcmp(class->name, "upper") == 0 || strcmp(class->name, "lower") == 0))
        class = find_class("alpha", 5);
    /* The long s and the sign of Kelvin are the only ones beyond ASCII that fold into it. */
    const bool has_long_s = is_folding && has_rune(class, 's'), has_kelvin = is_folding && has_rune(class, 'k');
    struct range excluded[MOST_RANGES + 2];
    size_t n = 0;
    for (; n < MOST_RANGES && class->ranges[n].last; n++)
        excluded[n] = class->ranges[n];
    if (has_long_s)
        excluded[n++] = (struct range){0x17f, 0x17f};
    if (has_kelvin)
        excluded[n++] = (struct range){0x212a, 0x212a};
    uint32_t next = 1;
    bool is_good = true;
    for (size_t i = 0; i < n; i++) {
        if (excluded[i].first > next)
            is_good = is_good && put_range(parser, next, excluded[i].first - 1);
        next = excluded[i].last + 1;
    }
    return is_good && put_range(parser, next, RE2_LAST_RUNE);
}

/* Writes a class between brackets. */
static bool put_class(struct re2_parser *parser, const struct named_class *class, bool is_negative)
{
    if (is_negative)
        return put_complement(parser, class);
    for (size_t i = 0; i < MOST_RANGES && class->ranges[i].last; i++) {
        if (!put_range(parser, class->ranges[i].first, class->ranges[i].last))
            return false;
    }
    return true;
}

/* Copies a name without what does not count in it: blanks, "_" and "-". False where it is too long. */
static bool copy_name(char name[MOST_NAME_BYTES], const char *from, size_t length)
{
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        if (strchr("_- ", from[i]))
            continue;
        if (n + 1 == MOST_NAME_BYTES)
            return false;
        name[n++] = from[i];
    }
    name[n] = '\0';
    return true;
}

/* The general category of that name, in PCRE2's spelling, or NULL. (?i) makes one of the cases of letters. */
static const char *find_category(const struct re2_parser *parser, const char *name, char category[4])
{
    snprintf(category, 4, "%.3s", name);
    for (size_t i = 0; i < LENGTH(category_names); i++) {
        if (strcasecmp(category_names[i].name, name) == 0)
            snprintf(category, 4, "%s", category_names[i].category);
    }
    if (!category[0] || category[2])
        return NULL;
    category[0] = (char)toupper((unsigned char)category[0]);
    category[1] = (char)tolower((unsigned char)category[1]);
    if (strcmp(category, "Lc") == 0)
        return "L&";
    char listed[8];
    snprintf(listed, sizeof(listed), " %s ", category);
    if (!strstr(categories, listed))
        return NULL;
    bool is_case = strcmp(category, "Lu") == 0 || strcmp(category, "Ll") == 0 || strcmp(category, "Lt") == 0;
    return is_case && parser->flags & RE2_FOLDS_CASE ? "L&" : category;
}

static bool is_script_name(const char *name)
{
    size_t n = strlen(name);
    return n > 2 && strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == n;
}

/* Writes \p{...} for the class of that name, in and outside of brackets: whether there may be such a class. */
static bool put_property(struct re2_parser *parser, const char *name, bool is_negative)
{
    char category[4] = "";
    const char *found = find_category(parser, name, category);
    char p = is_negative ? 'P' : 'p';
    if (found)
        fprintf(parser->out, "\\%c{%s}", p, found);
    else if (strcasecmp(name, "Any") == 0)
        fprintf(parser->out, "\\%c{Any}", p);
    else if (strcasecmp(name, "Assigned") == 0)
        fprintf(parser->out, "\\%c{Cn}", is_negative ? 'p' : 'P');
    else if (is_script_name(name))
        /* PCRE2 10.40 took script extensions to be what a bare name means. */
        fprintf(parser->out, PCRE2_MAJOR > 10 || PCRE2_MINOR >= 40 ? "\\%c{sc:%s}" : "\\%c{%s}", p, name);
    else
        return false;
    return true;
}

/* \pN or \p{name} at `at`. */
static bool read_property(struct re2_parser *parser, bool is_in_class)
{
    const char *start = parser->at, *name = start + 2, *end;
    bool is_negative = start[1] == 'P';
    if (*name == '{') {
        end = strchr(name, '}');
        if (!end)
            return re2_fail(parser, "invalid character class range", start, start + strlen(start));
        name++;
        parser->at = end + 1;
    } else {
        end = name;
        if (*name)
            re2_next_rune(&end);
        parser->at = end;
    }
    if (*name == '^' && name < end) {
        is_negative = !is_negative;
        name++;
    }
    char plain[MOST_NAME_BYTES];
    if (!copy_name(plain, name, (size_t)(end - name)))
        return re2_fail(parser, "invalid character class range", start, parser->at);
    bool is_ascii = strcasecmp(plain, "ASCII") == 0, is_good = true;
    if (!is_in_class) {
        re2_show_folding(parser);
        fputc('[', parser->out);
    }
    if (is_ascii)
        is_good = put_class(parser, find_class("ascii", 5), is_negative);
    else if (!put_property(parser, plain, is_negative))
        return re2_fail(parser, "invalid character class range", start, parser->at);
    if (!is_in_class)
        fputc(']', parser->out);
    return is_good;
}

int re2_class_escape(struct re2_parser *parser, bool is_in_class)
{
    char letter = parser->at[1];
    if (letter == 'p' || letter == 'P')
        return read_property(parser, is_in_class) ? 1 : -1;
    if (!letter || !strchr("dDsSwW", letter))
        return 0;
    const char name[] = {'\\', (char)tolower((unsigned char)letter)};
    const struct named_class *class = find_class(name, sizeof(name));
    bool is_negative = isupper((unsigned char)letter);
    parser->at += 2;
    if (is_in_class)
        return put_class(parser, class, is_negative) ? 1 : -1;
    re2_show_folding(parser);
    fputs(is_negative ? "[^" : "[", parser->out);
    bool is_good = put_class(parser, class, false);
    fputc(']', parser->out);
    return is_good ? 1 : -1;
}

/* [:name:] or [:^name:] at `at`, between brackets: 1, 0 where it is none, -1 where there is no such class. */
static int read_named_class(struct re2_parser *parser)
{
    const char *start = parser->at;
    if (start[0] != '[' || start[1] != ':')
        return 0;
    const char *end = strstr(start + 2, ":]");
    if (!end)
        return 0;
    bool is_negative = start[2] == '^';
    const char *name = start + 2 + is_negative;
    const struct named_class *class = *name == '\\' ? NULL : find_class(name, (size_t)(end - name));
    if (!class) {
        re2_fail(parser, "invalid character class range", start, end + 2);
        return -1;
    }
    parser->at = end + 2;
    return put_class(parser, class, is_negative) ? 1 : -1;
}

static bool read_class_rune(struct re2_parser *parser, const char *class_start, uint32_t *rune)
{
    if (!*parser->at)
        return re2_fail(parser, "missing closing ]", class_start, parser->at);
    if (*parser->at == '\\')
        return re2_read_escape(parser, rune);
    *rune = re2_next_rune(&parser->at);
    return true;
}

/* A character or a range between brackets. */
static bool read_class_range(struct re2_parser *parser, const char *class_start)
{
    const char *start = parser->at;
    uint32_t first, last;
    if (!read_class_rune(parser, class_start, &first))
        return false;
    last = first;
    if (parser->at[0] == '-' && parser->at[1] && parser->at[1] != ']') {
        parser->at++;
        if (!read_class_rune(parser, class_start, &last))
            return false;
        if (last < first)
            return re2_fail(parser, "invalid character class range", start, parser->at);
    }
    return put_range(parser, first, last);
}

bool re2_class(struct re2_parser *parser)
{
    const char *start = parser->at++;
    re2_show_folding(parser);
    fputc('[', parser->out);
    if (*parser->at == '^') {
        fputc('^', parser->out);
        parser->at++;
    }
    for (bool is_first = true; *parser->at != ']' || is_first; is_first = false) {
        int is_class = read_named_class(parser);
        if (is_class == 0 && *parser->at == '\\')
            is_class = re2_class_escape(parser, true);
        if (is_class < 0 || (is_class == 0 && !read_class_range(parser, start)))
            return false;
    }
    parser->at++;
    fputc(']', parser->out);
    return true;
}
