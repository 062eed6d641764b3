/*
 * Names as reports show them. See names.h.
 * Context: ordinary code.
 */
#include "report/names.h"

#include <string.h>

bool sp_name_is_long_form(const char *name)
{
    if (strstr(name, ".<") || strstr(name, "])."))
        return false;
    return strpbrk(name, "<>[]") || strstr(name, "::");
}

/* Removes what stands between `open` and `close`, outermost pairs, from left to right. */
static void remove_pairs(char *name, char open, char close)
{
    const char both[] = {open, close, '\0'};
    char *first = name;
    size_t depth = 0;
    for (char *at = strpbrk(name, both); at; at = strpbrk(at, both)) {
        if (*at == open) {
            if (depth++ == 0)
                first = at;
            at++;
        } else if (depth == 0) {
            return; /* closed without having been opened: not what it looked like */
        } else if (--depth == 0) {
            memmove(first, at + 1, strlen(at + 1) + 1);
            at = first;
        } else {
            at++;
        }
    }
}

void sp_name_shorten(char *name)
{
    remove_pairs(name, '(', ')');
    remove_pairs(name, '<', '>');
}

const char *sp_base_name(const char *path, size_t *length)
{
    size_t end = strlen(path);
    if (end == 0) {
        *length = 1;
        return ".";
    }
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    if (start == end) /* nothing but slashes */
        start--;
    *length = end - start;
    return path + start;
}

bool sp_is_address_of_profile(const char *file)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char others[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";
    return strspn(file, letters) > 0 && file[strspn(file, others)] == ':';
}
