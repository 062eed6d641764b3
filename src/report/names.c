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

/* The same for path[0..end). */
static const char *base_name_n(const char *path, size_t end, size_t *length)
{
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

const char *sp_base_name(const char *path, size_t *length)
{
    return base_name_n(path, strlen(path), length);
}

bool sp_is_address_of_profile(const char *file)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char others[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";
    return strspn(file, letters) > 0 && file[strspn(file, others)] == ':';
}

const char *sp_mapping_file(const struct sp_profile *profile, uint32_t mapping)
{
    if (mapping >= profile->mappings.n)
        return "";
    const struct sp_mapping *at = &profile->mappings.at[mapping];
    const char *file = sp_profile_text(profile, at->file);
    return at->build_id == 0 && sp_is_address_of_profile(file) ? "" : file;
}

/* What is behind "/NAME/" in the path, NULL where that is not in it. */
static const char *behind_folder(const char *path, const char *name, size_t length)
{
    for (const char *at = strchr(path, '/'); at; at = strchr(at + 1, '/')) {
        if (strncmp(at + 1, name, length) == 0 && at[1 + length] == '/')
            return at + length + 2;
    }
    return NULL;
}

/* Looks for the last parts of the folders in `source_path`: what is under such a folder here was under it there. */
static const char *behind_source_folder(const char *path, const char *source_path)
{
    for (const char *at = source_path; at && *at;) {
        size_t n = strcspn(at, ":"), length;
        const char *name = base_name_n(at, n, &length);
        const char *rest = behind_folder(path, name, length);
        if (rest)
            return rest;
        at = at[n] ? at + n + 1 : NULL;
    }
    return NULL;
}

/* What is behind prefix[0..n) and a slash, NULL where the path does not begin with it. */
static const char *behind_prefix(const char *path, const char *prefix, size_t n)
{
    n -= n > 0 && prefix[n - 1] == '/';
    return strncmp(path, prefix, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

const char *sp_trimmed_path(const char *path, const char *trim_path, const char *source_path)
{
    static const char *const always[] = {"/proc/self/cwd/./", "/proc/self/cwd/"};
    bool is_asked = trim_path && *trim_path;
    const char *rest = is_asked ? NULL : behind_source_folder(path, source_path);
    for (const char *at = is_asked ? trim_path : NULL; at && !rest;) {
        size_t n = strcspn(at, ":");
        rest = behind_prefix(path, at, n);
        at = at[n] ? at + n + 1 : NULL;
    }
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]) && !rest; i++)
        rest = behind_prefix(path, always[i], strlen(always[i]));
    return rest ? rest : path;
}

bool sp_path_is_clean(const char *path)
{
    size_t length = strlen(path);
    if (length == 0 || (length > 1 && path[length - 1] == '/'))
        return false;
    for (const char *at = path; at; at = strchr(at, '/')) {
        at += *at == '/';
        size_t n = strcspn(at, "/");
        bool is_dots = n > 0 && n <= 2 && strspn(at, ".") >= n;
        if (is_dots || (n == 0 && length > 1 && *at == '/'))
            return false;
    }
    return true;
}

/* Removes the last part of path[0..n), which is no "..", and gives the rest's length; `start` is where parts begin. */
static size_t without_last(const char *path, size_t start, size_t n)
{
    while (n > start && path[n - 1] != '/')
        n--;
    return n > start ? n - 1 : n;
}

static bool ends_in_parent(const char *path, size_t start, size_t n)
{
    return n >= start + 2 && path[n - 1] == '.' && path[n - 2] == '.' && (n == start + 2 || path[n - 3] == '/');
}

void sp_path_clean(char *path)
{
    size_t start = path[0] == '/', end = start;
    for (const char *at = path + start; *at;) {
        size_t n = strcspn(at, "/");
        const char *next = at + n + (at[n] == '/');
        bool is_here = n == 0 || (n == 1 && at[0] == '.'), is_parent = n == 2 && at[0] == '.' && at[1] == '.';
        if (is_parent && end > start && !ends_in_parent(path, start, end)) {
            end = without_last(path, start, end);
        } else if (!is_here && !(is_parent && start == 1 && end == start)) {
            if (end > start)
                path[end++] = '/';
            memmove(path + end, at, n);
            end += n;
        }
        at = next;
    }
    if (end == 0)
        path[end++] = '.';
    path[end] = '\0';
}
