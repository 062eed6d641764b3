/*
 * Names for boxes. See short_names.h.
 *
 * pprof has regular expressions for this; each function below is one of them, and gives the part that is kept.
 *
 * Context: ordinary code.
 */
#include "report/short_names.h"

#include <stdbool.h>
#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define WORD LOWER UPPER DIGITS "_"

/* A part of a name; `at` is NULL where there is none. */
struct part {
    const char *at;
    size_t length;
};

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static size_t line_length(const char *text)
{
    return strcspn(text, "\n");
}

/* "example.com/module/v2.f" is "example.com/module.f". */
static void drop_module_version(char *name)
{
    if (strchr(name, '\n'))
        return;
    for (char *at = strstr(name, "/v"); at; at = strstr(at + 1, "/v")) {
        size_t n = strspn(at + 2, DIGITS);
        bool is_version = n > 0 && at[2] != '0' && !(n == 1 && at[2] == '1');
        if (is_version && is_one_of(at[2 + n], "./")) {
            memmove(at, at + 2 + n, strlen(at + 2 + n) + 1);
            return;
        }
    }
}

/* Whether "name.more" stands here. */
static bool is_go_symbol(const char *text)
{
    size_t n = strcspn(text, ".");
    return n > 0 && text[n] == '.' && line_length(text + n + 1) > 0;
}

/* "path/to/package.f" is "package.f". */
static struct part go_part(const char *name)
{
    const char *found = NULL;
    for (const char *at = name;;) {
        size_t n = strspn(at, WORD "-.");
        if (n == 0 || at[n] != '/')
            break;
        at += n + 1;
        found = is_go_symbol(at) ? at : found;
    }
    if (!found)
        return (struct part){0};
    size_t to_dot = strcspn(found, ".") + 1;
    return (struct part){found, to_dot + line_length(found + to_dot)};
}

/* "org.example.Class.method(int)" is "Class.method". */
static struct part java_part(const char *name)
{
    const char *at = name;
    while (is_one_of(*at, LOWER) && at[strspn(at, WORD)] == '.')
        at += strspn(at, WORD) + 1;
    if (!is_one_of(*at, UPPER))
        return (struct part){0};
    const char *dot = at + strspn(at, WORD "$"), *method = dot + 1;
    if (*dot != '.')
        return (struct part){0};
    size_t n = strncmp(method, "<init>", 6) == 0 ? 6 : is_one_of(*method, LOWER) ? strspn(method, WORD "$") : 0;
    bool is_whole = n > 0 && (method[n] == '(' || method[n] == '\0');
    return is_whole ? (struct part){at, (size_t)(method + n - at)} : (struct part){0};
}

/* The length of "Class::method<…>" that stands here; 0 when none does. */
static size_t method_length(const char *text)
{
    const char *at = text + strspn(text, "_");
    if (!is_one_of(*at, UPPER))
        return 0;
    at += strspn(at, WORD);
    if (strncmp(at, "::", 2) != 0)
        return 0;
    at += 2;
    at += *at == '~';
    if (!is_one_of(*at, LOWER UPPER "_"))
        return 0;
    at += strspn(at, WORD);
    const char *close = *at == '<' ? memrchr(at, '>', line_length(at)) : NULL;
    return (size_t)((close ? close + 1 : at) - text);
}

/* "space::more::Class::method" is "Class::method". */
static struct part cpp_part(const char *name)
{
    struct part found = {0};
    for (const char *at = name; is_one_of(*at, LOWER UPPER "_");) {
        at += strspn(at, WORD);
        if (strncmp(at, "::", 2) != 0)
            break;
        at += 2;
        size_t n = method_length(at);
        if (n > 0)
            found = (struct part){at, n};
    }
    return found;
}

void sp_name_abbreviate(char *name)
{
    static const char anonymous[] = "(anonymous namespace)::";
    char *rest = name;
    if (strncmp(name, anonymous, strlen(anonymous)) == 0)
        rest += strlen(anonymous);
    drop_module_version(rest);
    struct part part = go_part(rest);
    if (!part.at)
        part = java_part(rest);
    if (!part.at)
        part = cpp_part(rest);
    if (!part.at)
        part = (struct part){rest, strlen(rest)};
    memmove(name, part.at, part.length);
    name[part.length] = '\0';
}
