/*
 * Reading a profile of whichever format it is, compressed or not.
 *
 * Place on the way of a sample: file → *this* → one of the readers. It stands apart from the table of formats so that
 * whoever only writes needs nothing of what reading takes.
 * Context: ordinary code.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/bytes.h"
#include "formats/decompress.h"
#include "formats/formats.h"

enum { READ_BYTES = 64 << 10 };

static int fail(int error, char *why, size_t why_size, const char *what)
{
    snprintf(why, why_size, "%s: %s", what, strerror(-error));
    return error;
}

/* A regular file's size is known; one byte more lets the read that finds the end need no growth. */
static size_t expected_bytes(int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size < 0 ||
        (uint64_t)status.st_size >= SP_FORMAT_MEMORY_LIMIT)
        return READ_BYTES;
    return (size_t)status.st_size + 1;
}

/* Appends all of `fd`: 0, -ENOMEM, -EFBIG beyond the memory limit, or an error of read(2). */
static int read_all(int fd, struct sp_bytes *bytes)
{
    size_t space = expected_bytes(fd);
    for (;;) {
        if (!sp_bytes_reserve(bytes, space))
            return bytes->error;
        ssize_t n = read(fd, bytes->at + bytes->n, bytes->capacity - bytes->n);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            bytes->n += (size_t)n;
        if (bytes->n > SP_FORMAT_MEMORY_LIMIT)
            return -EFBIG;
        space = bytes->n < bytes->capacity ? 1 : READ_BYTES;
    }
}

static int read_path(const char *path, struct sp_bytes *bytes, char *why, size_t why_size)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(-errno, why, why_size, "it cannot be opened");
    int error = read_all(fd, bytes);
    if (!is_stdin)
        close(fd);
    return error ? fail(error, why, why_size, "it cannot be read") : 0;
}

int sp_profile_read_bytes(struct sp_bytes *bytes, size_t memory_limit, struct sp_profile **profile, char *why,
                          size_t why_size)
{
    int error = sp_decompress(bytes, memory_limit, why, why_size);
    const struct sp_format *format = error ? NULL : sp_format_of(bytes->at, bytes->n);
    if (format) {
        error = format->read(bytes->at, bytes->n, memory_limit, profile, why, why_size);
    } else if (!error) {
        error = -EINVAL;
        snprintf(why, why_size, bytes->n ? "it is not a profile of a known format" : "it is empty");
    }
    sp_bytes_done(bytes);
    return error;
}

int sp_profile_read_file(const char *path, struct sp_profile **profile, char *why, size_t why_size)
{
    struct sp_bytes bytes = {0};
    int error = read_path(path, &bytes, why, why_size);
    if (!error)
        return sp_profile_read_bytes(&bytes, SP_FORMAT_MEMORY_LIMIT, profile, why, why_size);
    sp_bytes_done(&bytes);
    return error;
}
