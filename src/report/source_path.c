/*
 * From a profile's path to a file. See source_path.h for the contract.
 *
 * Rules: google/pprof, internal/report/source.go (openSourceFile, trimPath). The module cache's layout and its
 * spelling of capital letters: golang.org/ref/mod#module-cache.
 * Context: ordinary code of one thread.
 */
#include "report/source_path.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/names.h"
#include "util/regular_file.h"

/* The next part of a list with colons, and its length; NULL at the end. `*rest` is moved behind it. "" has no part. */
static const char *next_part(const char **rest, size_t *length)
{
    const char *part = *rest;
    if (part == NULL)
        return NULL;
    *length = strcspn(part, ":");
    *rest = part[*length] == ':' ? part + *length + 1 : NULL;
    return part;
}

static const char *whole_list(const char *list)
{
    return list && list[0] ? list : NULL;
}

/* The file `path` in directory[0..length). */
static int open_in(const char *directory, size_t length, const char *path)
{
    char whole[PATH_MAX];
    int n = snprintf(whole, sizeof(whole), "%.*s/%s", (int)length, directory, path);
    return n < 0 || (size_t)n >= sizeof(whole) ? -ENAMETOOLONG : sp_open_regular(-1, whole);
}

/* The length of a directory's path without its last part; 0 when it was the last one, be that "/" or "". */
static size_t parent_length(const char *directory, size_t length)
{
    while (length > 0 && directory[length - 1] == '/')
        length--;
    while (length > 0 && directory[length - 1] != '/')
        length--;
    while (length > 1 && directory[length - 1] == '/')
        length--;
    return length;
}

/* In a directory, then in its parents, up to the root, or to where we are when it is relative. */
static int open_here_or_above(const char *directory, size_t length, const char *path)
{
    if (length == 0 || length >= PATH_MAX)
        return open_in(".", 1, path);
    while (length > 0) {
        int fd = open_in(directory, length, path);
        size_t above = parent_length(directory, length);
        if (fd >= 0 || above == length)
            return fd;
        length = above;
    }
    return directory[0] == '/' ? -ENOENT : open_in(".", 1, path);
}

/* Where Go's own sources are: $GOROOT, or beside the `go` that is in the search path. */
static bool find_go_root(char root[PATH_MAX])
{
    const char *given = getenv("GOROOT"), *rest = whole_list(getenv("PATH")), *part;
    size_t length;
    if (given && given[0])
        return (size_t)snprintf(root, PATH_MAX, "%s", given) < PATH_MAX;
    while ((part = next_part(&rest, &length)) != NULL) {
        char tool[PATH_MAX];
        if ((size_t)snprintf(tool, sizeof(tool), "%.*s/go", (int)length, part) >= sizeof(tool) || !realpath(tool, root))
            continue;
        char *end = root + strlen(root);
        if (end - root > 7 && strcmp(end - 7, "/bin/go") == 0) {
            end[-7] = '\0';
            return true;
        }
    }
    return false;
}

static bool find_module_cache(char cache[PATH_MAX])
{
    const char *given = getenv("GOMODCACHE"), *path = getenv("GOPATH"), *home = getenv("HOME");
    int n = -1;
    if (given && given[0])
        n = snprintf(cache, PATH_MAX, "%s", given);
    else if (path && path[0])
        n = snprintf(cache, PATH_MAX, "%.*s/pkg/mod", (int)strcspn(path, ":"), path);
    else if (home && home[0])
        n = snprintf(cache, PATH_MAX, "%s/go/pkg/mod", home);
    return n >= 0 && n < PATH_MAX;
}

/* A module's file as the cache spells it, "A" as "!a" up to the version's end. False: there is no version, or no room.
 */
static bool spell_as_cached(const char *path, char spelled[PATH_MAX])
{
    const char *version = strchr(path, '@'), *end = version ? strchr(version, '/') : NULL;
    size_t n = 0;
    if (!end)
        return false;
    for (; *path && n + 3 < PATH_MAX; path++) {
        bool is_capital = path < end && isupper((unsigned char)*path);
        if (is_capital)
            spelled[n++] = '!';
        spelled[n++] = is_capital ? (char)tolower((unsigned char)*path) : *path;
    }
    spelled[n] = '\0';
    return *path == '\0';
}

/* A file in somebody else's module cache is the same in ours: its path has the version. It is spelled as cached. */
static int open_module_file(const char *path)
{
    char cache[PATH_MAX], spelled[PATH_MAX];
    const char *cached = strstr(path, "/pkg/mod/");
    if (!find_module_cache(cache))
        return -ENOENT;
    if (cached && strchr(cached, '@'))
        return open_in(cache, strlen(cache), cached + strlen("/pkg/mod/"));
    if (path[0] == '/' || !spell_as_cached(path, spelled))
        return -ENOENT;
    return open_in(cache, strlen(cache), spelled);
}

static int open_go_file(const char *path)
{
    char root[PATH_MAX];
    int fd = open_module_file(path);
    if (fd >= 0 || path[0] == '/' || !find_go_root(root))
        return fd;
    char sources[PATH_MAX + 8];
    snprintf(sources, sizeof(sources), "%s/src", root);
    return open_in(sources, strlen(sources), path);
}

static bool is_go_file(const char *path)
{
    size_t length = strlen(path);
    return (length > 3 && strcmp(path + length - 3, ".go") == 0) ||
           (length > 2 && strcmp(path + length - 2, ".s") == 0);
}

int sp_open_source(const char *path, const char *trim_path, const char *source_path)
{
    const char *trimmed = sp_trimmed_path(path, trim_path, source_path), *rest = whole_list(source_path), *part;
    size_t length;
    int fd = -ENOENT;
    if (trimmed[0] == '/')
        fd = sp_open_regular(-1, trimmed);
    else
        while (fd < 0 && (part = next_part(&rest, &length)) != NULL)
            fd = open_here_or_above(part, length, trimmed);
    if (fd < 0 && is_go_file(trimmed)) {
        int go_fd = open_go_file(trimmed);
        fd = go_fd >= 0 ? go_fd : fd;
    }
    return fd >= 0 || trimmed[0] == '/' ? fd : -ENOENT;
}
