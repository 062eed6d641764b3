/*
 * Paths without what they do not need. See normal_path.h.
 *
 * Context: any thread; no state.
 */
#include "symbolize/normal_path.h"

#include <stdbool.h>
#include <string.h>

static bool is_normal(const char *path)
{
    return !strstr(path, "//") && !strstr(path, "/.") && strncmp(path, "./", 2) != 0;
}

/* Where the last part of out[0..n) begins, or n when it is ".." or there is none to take back. */
static size_t without_last(const char *out, size_t n)
{
    size_t start = n;
    while (start > 0 && out[start - 1] != '/')
        start--;
    if (start == n || (n - start == 2 && memcmp(out + start, "..", 2) == 0))
        return n;
    return start;
}

const char *sp_normal_path(const char *path, char *out)
{
    if (!path || is_normal(path))
        return path;
    bool is_absolute = path[0] == '/';
    size_t n = 0;
    if (is_absolute)
        out[n++] = '/';
    for (size_t length; *path; path += length) {
        length = strcspn(path, "/");
        if (length == 0) {
            length = 1;
            continue;
        }
        bool is_up = length == 2 && memcmp(path, "..", 2) == 0;
        if (length == 1 && path[0] == '.')
            continue;
        if (is_up) {
            size_t shorter = without_last(out, n);
            if (shorter < n || (is_absolute && n == 1)) {
                n = shorter > 1 ? shorter - 1 : shorter;
                continue;
            }
        }
        if (n > 0 && out[n - 1] != '/')
            out[n++] = '/';
        memmove(out + n, path, length);
        n += length;
    }
    out[n] = '\0';
    return out;
}
