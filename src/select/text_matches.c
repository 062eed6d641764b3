/*
 * Which strings of a profile an expression matches. See text_matches.h.
 * Context: ordinary code of one thread.
 */
#include "select/text_matches.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { UNKNOWN, MATCHES, DIFFERS };

int sp_text_matches_init(struct sp_text_matches *matches, const struct sp_profile *profile,
                         const struct sp_regex *regex)
{
    *matches = (struct sp_text_matches){.profile = profile, .regex = regex, .n = profile->strings.n};
    matches->known = calloc(matches->n, 1);
    return matches->known ? 0 : -ENOMEM;
}

void sp_text_matches_done(struct sp_text_matches *matches)
{
    free(matches->known);
    matches->known = NULL;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/*
 * A function's name without its parameters: up to the first parenthesis that does not belong to one of the names that
 * have some. `*length` is what is left; a dot in front (of PowerPC's entry points) is skipped.
 */
static const char *simplified(const char *name, size_t *length)
{
    static const char *const names[] = {"(anonymous namespace)", "operator()"};
    name += *name == '.';
    const char *at = name;
    while (*at) {
        size_t skipped = 1;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            if (starts_with(at, names[i]))
                skipped = strlen(names[i]);
        }
        if (*at == '(' && skipped == 1)
            break;
        at += skipped;
    }
    *length = (size_t)(at - name);
    return name;
}

static bool ask(const struct sp_text_matches *matches, uint32_t string)
{
    const char *text = matches->profile->strings.at[string];
    if (!matches->is_simplified)
        return sp_regex_matches(matches->regex, text);
    size_t length;
    const char *name = simplified(text, &length);
    return sp_regex_matches_n(matches->regex, name, length);
}

bool sp_text_matches(struct sp_text_matches *matches, uint32_t string)
{
    if (string >= matches->n)
        return false;
    unsigned char *known = &matches->known[string];
    if (*known == UNKNOWN)
        *known = ask(matches, string) ? MATCHES : DIFFERS;
    return *known == MATCHES;
}

bool sp_line_matches(struct sp_text_matches *matches, const struct sp_line *line)
{
    if (line->function == SP_NONE)
        return false;
    const struct sp_function *function = &matches->profile->functions.at[line->function];
    return sp_text_matches(matches, function->name) || sp_text_matches(matches, function->filename);
}

bool sp_mapping_matches(struct sp_text_matches *matches, const struct sp_location *location)
{
    return location->mapping != SP_NONE &&
           sp_text_matches(matches, matches->profile->mappings.at[location->mapping].file);
}

bool sp_location_matches(struct sp_text_matches *matches, const struct sp_location *location)
{
    const struct sp_line *lines = matches->profile->lines.at + location->first_line;
    for (uint32_t i = 0; i < location->n_lines; i++) {
        if (sp_line_matches(matches, &lines[i]))
            return true;
    }
    return sp_mapping_matches(matches, location);
}
