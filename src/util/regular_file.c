/*
 * open(2) for regular files, in our root or in another. See regular_file.h for the contract.
 *
 * Context: ordinary code of any thread.
 */
#include "util/regular_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* O_NONBLOCK: the path may become a FIFO at any moment. */
static const int FLAGS = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

static bool is_regular(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static int open_ours(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EBADMSG;
    int fd = open(path, FLAGS);
    if (fd < 0)
        return -errno;
    if (is_regular(fd))
        return fd;
    close(fd);
    return -EBADMSG;
}

/* First to a handle, which touches nothing, then from the handle, which is still the same file. */
static int open_theirs(int root, const char *path)
{
    const struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    char itself[64];
    long handle = syscall(SYS_openat2, root, path, &how, sizeof(how));
    if (handle < 0)
        return errno == ENOSYS || errno == EPERM ? -ENOENT : -errno; /* EPERM: a seccomp filter's way to say ENOSYS */
    int fd = -EBADMSG;
    if (is_regular((int)handle)) {
        snprintf(itself, sizeof(itself), "/proc/self/fd/%ld", handle);
        fd = open(itself, FLAGS);
        if (fd < 0)
            fd = -errno;
    }
    close((int)handle);
    return fd;
}

int sp_open_regular(int root, const char *path)
{
    return root < 0 ? open_ours(path) : open_theirs(root, path);
}
