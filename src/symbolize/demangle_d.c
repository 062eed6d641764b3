/*
 * D names. libiberty demangles; here it is kept within bounds, and the short style is cut out of what it gives.
 *
 *   _D8demangle__T4testTaZQhFiZv    demangle.test!(char).test(int)    short: demangle.test.test
 *
 * A back reference ("Q") repeats an earlier part of the name, which may have back references, too: a name can stand for
 * a text that is exponentially longer, and libiberty's function for D gives no way to stop it. So the text's length is
 * bounded from above first: a part that begins at t and is repeated at q has at most all the name's letters, and once
 * more each repetition between t and q (libiberty lets a reference see only what is before it).
 *
 * Context: any thread; the result is on the heap for a moment.
 */
#include "symbolize/demangle_parts.h"

#include <stdlib.h>
#include <string.h>

/* libiberty recurses by the name's length, and copies the text so far at each level. */
#define INPUT_MAX 2048
#define LETTERS_MAX 65536
#define REFERENCES_MAX 256

/* Reads the distance of the back reference at `at` (base 26, the last digit in lower case); 0 when it is none. */
static size_t distance_at(const char *mangled, size_t length, size_t at)
{
    size_t distance = 0;
    for (size_t i = at + 1; i < length && distance <= INPUT_MAX; i++) {
        char c = mangled[i];
        if (c >= 'a' && c <= 'z')
            return distance * 26 + (size_t)(c - 'a');
        if (c < 'A' || c > 'Z')
            return 0;
        distance = distance * 26 + (size_t)(c - 'A');
    }
    return 0;
}

/* Whether the name stands for a text of a sensible length. */
static bool is_bounded(const char *mangled, size_t length)
{
    struct {
        size_t at, letters;
    } references[REFERENCES_MAX];
    size_t n = 0, total = length;
    for (size_t at = 0; at < length; at++) {
        size_t distance = mangled[at] == 'Q' ? distance_at(mangled, length, at) : 0;
        if (distance == 0 || distance > at)
            continue;
        size_t target = at - distance, letters = length;
        /* A number is an identifier's length: that has no references inside. */
        bool is_identifier = mangled[target] >= '0' && mangled[target] <= '9';
        for (size_t i = n; !is_identifier && i-- > 0 && references[i].at >= target;)
            letters += references[i].letters;
        total += letters;
        if (n == REFERENCES_MAX || total > LETTERS_MAX)
            return false;
        references[n].at = at;
        references[n++].letters = letters;
    }
    return true;
}

/* The end of a group in parentheses that opens at `at`; those in quoted text do not count. */
static size_t group_end(const char *name, size_t at)
{
    size_t depth = 0;
    char quote = '\0';
    for (; name[at] != '\0'; at++) {
        if (quote != '\0') {
            if (name[at] == '\\' && name[at + 1] != '\0')
                at++;
            else if (name[at] == quote)
                quote = '\0';
        } else if (name[at] == '"' || name[at] == '\'') {
            quote = name[at];
        } else if (name[at] == '(') {
            depth++;
        } else if (name[at] == ')' && --depth == 0) {
            return at + 1;
        }
    }
    return at;
}

/* Without parameters, template arguments, and what is said of `this` at the end. */
static void append_short(struct sp_demangle_text *text, const char *name)
{
    bool is_after_group = false;
    for (size_t at = 0; name[at] != '\0';) {
        bool is_arguments = name[at] == '!' && name[at + 1] == '(';
        if (name[at] == '(' || is_arguments) {
            at = group_end(name, at + is_arguments);
            is_after_group = true;
        } else if (name[at] == ' ' && is_after_group) {
            break;
        } else {
            sp_demangle_append(text, &name[at++], 1);
            is_after_group = false;
        }
    }
}

bool sp_demangle_d(const char *mangled, size_t length, bool is_full, struct sp_demangle_text *text)
{
    if (length >= INPUT_MAX || !is_bounded(mangled, length))
        return false;
    char *name = dlang_demangle(mangled, DMGL_NO_OPTS);
    if (!name)
        return false;
    if (is_full)
        sp_demangle_append(text, name, strlen(name));
    else
        append_short(text, name);
    free(name);
    return true;
}
