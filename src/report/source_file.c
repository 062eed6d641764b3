/*
 * Reads source files and finds their lines. See source_file.h for the contract.
 *
 * Context: ordinary code of one thread.
 */
#include "report/source_file.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report/names.h"
#include "report/source_path.h"

enum { KEPT = 8 };

struct sp_source_files {
    const char *source_path, *trim_path;
    char directory[PATH_MAX]; /* where we are: the source path unless one is given */
    size_t n;
    struct sp_source_file at[KEPT]; /* what was asked for last is first */
};

struct sp_source_files *sp_source_files_new(const char *source_path, const char *trim_path)
{
    struct sp_source_files *files = calloc(1, sizeof(*files));
    if (!files)
        return NULL;
    files->source_path = source_path;
    files->trim_path = trim_path;
    if (!source_path || !source_path[0]) {
        files->source_path = files->directory;
        if (!getcwd(files->directory, sizeof(files->directory)))
            snprintf(files->directory, sizeof(files->directory), ".");
    }
    return files;
}

static void forget(struct sp_source_file *file)
{
    free(file->path);
    free(file->text);
    free(file->starts);
}

void sp_source_files_free(struct sp_source_files *files)
{
    if (!files)
        return;
    for (size_t i = 0; i < files->n; i++)
        forget(&files->at[i]);
    free(files);
}

/* Reads to the end, whatever size the file was said to have: 0 and the text, of the caller's, or -errno. */
static int read_all(int fd, char **text, size_t *size)
{
    size_t capacity = 64 << 10, n = 0;
    char *at = malloc(capacity);
    ssize_t got = at ? 1 : -1;
    int error = at ? 0 : -ENOMEM;
    while (error == 0 && got > 0) {
        got = read(fd, at + n, capacity - n);
        if (got < 0)
            error = -errno;
        else
            n += (size_t)got;
        if (n > SP_SOURCE_FILE_BYTES)
            error = -EFBIG;
        if (n == capacity && error == 0) {
            char *larger = realloc(at, capacity *= 2);
            at = larger ? larger : at;
            error = larger ? 0 : -ENOMEM;
        }
    }
    *text = at;
    *size = n;
    return error;
}

/* Finds where lines start. What follows the last line's end is no line unless something stands there. */
static int find_lines(struct sp_source_file *file, size_t size)
{
    size_t n = 0;
    const char *end = file->text + size;
    for (const char *at = file->text; at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++)
        n++;
    bool is_open = size > 0 && end[-1] != '\n';
    file->starts = malloc((n + is_open + 1) * sizeof(*file->starts));
    if (!file->starts)
        return -ENOMEM;
    file->n_lines = n + is_open;
    const char *at = file->text;
    for (size_t i = 0; i < file->n_lines; i++) {
        file->starts[i] = (uint32_t)(at - file->text);
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        at = line_end ? line_end + 1 : end;
    }
    file->starts[file->n_lines] = (uint32_t)size;
    return 0;
}

static int load(const struct sp_source_files *files, struct sp_source_file *file)
{
    size_t size = 0;
    int fd = sp_open_source(file->path, files->trim_path, files->source_path);
    if (fd < 0)
        return fd;
    int error = read_all(fd, &file->text, &size);
    close(fd);
    return error ? error : find_lines(file, size);
}

/* Brings file `i` to the front. */
static const struct sp_source_file *put_first(struct sp_source_files *files, size_t i)
{
    struct sp_source_file file = files->at[i];
    memmove(files->at + 1, files->at, i * sizeof(file));
    files->at[0] = file;
    return &files->at[0];
}

const struct sp_source_file *sp_source_files_get(struct sp_source_files *files, const char *path)
{
    for (size_t i = 0; i < files->n; i++)
        if (strcmp(files->at[i].path, path) == 0)
            return put_first(files, i);
    struct sp_source_file file = {.path = strdup(path)};
    if (!file.path)
        return NULL;
    file.error = load(files, &file);
    if (file.error == -ENOMEM) {
        forget(&file);
        return NULL;
    }
    if (files->n == KEPT)
        forget(&files->at[--files->n]);
    files->at[files->n++] = file;
    return put_first(files, files->n - 1);
}

const char *sp_source_line(const struct sp_source_file *file, int64_t number, size_t *length)
{
    if (file->error || number < 1 || (uint64_t)number > file->n_lines)
        return NULL;
    const char *start = file->text + file->starts[number - 1], *end = file->text + file->starts[number];
    if (end > start && end[-1] == '\n')
        end--;
    if (end > start && end[-1] == '\r')
        end--;
    *length = (size_t)(end - start);
    return start;
}

void sp_source_error_text(const struct sp_source_files *files, const struct sp_source_file *file, char *text,
                          size_t text_size)
{
    const char *path = sp_trimmed_path(file->path, files->trim_path, files->source_path);
    char reason[128];
    if (path[0] != '/' && file->error == -ENOENT) {
        snprintf(text, text_size, "could not find file %s on path %s", path, files->source_path);
        return;
    }
    snprintf(reason, sizeof(reason), "%s", file->error == -EBADMSG ? "not a regular file" : strerror(-file->error));
    reason[0] = (char)tolower((unsigned char)reason[0]);
    snprintf(text, text_size, "open %s: %s", path, reason);
}
