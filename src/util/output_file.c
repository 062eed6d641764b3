/*
 * Temporary file and rename(2), which replaces the old file in one step.
 *
 * Place: util. Context: ordinary code.
 */
#include "util/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_directly(struct sp_output_file *file)
{
    file->fd = open(file->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    return file->fd < 0 ? -errno : 0;
}

/* A new file of an unused name beside file->path. */
static int open_temporary(struct sp_output_file *file)
{
    enum { TRIES = 100 };
    for (unsigned i = 0; i < TRIES; i++) {
        free(file->temporary);
        if (asprintf(&file->temporary, "%s.%ld-%u.tmp", file->path, (long)getpid(), i) < 0) {
            file->temporary = NULL;
            return -ENOMEM;
        }
        file->fd = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (file->fd >= 0)
            return 0;
        if (errno != EEXIST)
            break;
    }
    const int error = -errno;
    free(file->temporary);
    file->temporary = NULL;
    return error;
}

static int open_at(struct sp_output_file *file)
{
    struct stat status;
    const bool exists = stat(file->path, &status) == 0;
    if (exists && S_ISDIR(status.st_mode))
        return -EISDIR;
    if (exists && !S_ISREG(status.st_mode))
        return open_directly(file);
    if (exists && access(file->path, W_OK) != 0)
        return -errno;
    const int error = open_temporary(file);
    if (error == 0 && exists)
        (void)!fchmod(file->fd, status.st_mode & 0777);
    return error;
}

int sp_output_open(const char *path, struct sp_output_file *file)
{
    char *real = realpath(path, NULL);
    struct sp_output_file made = {.fd = -1, .path = real != NULL ? real : strdup(path)};
    if (made.path == NULL)
        return -ENOMEM;
    const int error = open_at(&made);
    if (error != 0) {
        free(made.path);
        return error;
    }
    *file = made;
    return 0;
}

int sp_output_write(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        const ssize_t written = write(fd, at, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        at += written;
        size -= (size_t)written;
    }
    return 0;
}

static void forget(struct sp_output_file *file)
{
    free(file->path);
    free(file->temporary);
    *file = (struct sp_output_file){.fd = -1};
}

/*
 * No fsync(2): a full disk is seen by write or close, and a profile is not worth the milliseconds that a busy disk
 * takes to promise that it survives a loss of power.
 */
int sp_output_commit(struct sp_output_file *file)
{
    int error = close(file->fd) != 0 ? -errno : 0;
    if (file->temporary != NULL && error == 0 && rename(file->temporary, file->path) != 0)
        error = -errno;
    if (file->temporary != NULL && error != 0)
        unlink(file->temporary);
    forget(file);
    return error;
}

void sp_output_abandon(struct sp_output_file *file)
{
    if (file->path == NULL)
        return;
    close(file->fd);
    if (file->temporary != NULL)
        unlink(file->temporary);
    forget(file);
}
