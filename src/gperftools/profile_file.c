/*
 * Open, rewrite, close.
 *
 * Place and context: see profile_file.h. Descriptors of ours are closed by system calls: our own close(2), in front of
 * libc's, leaves them open.
 */
#include "gperftools/profile_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/output_file.h"

static int close_descriptor(int fd)
{
    return syscall(SYS_close, fd) != 0 ? -errno : 0;
}

/* Out of the host's way, where its limit allows. */
static int move_up(int fd)
{
    const int high = fcntl(fd, F_DUPFD_CLOEXEC, SP_LOWEST_DESCRIPTOR);
    if (high < 0)
        return fd;
    close_descriptor(fd);
    return high;
}

static int open_descriptor(const char *path, struct sp_profile_file *file)
{
    struct stat status;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0)
        return -errno;
    fd = move_up(fd);
    if (fstat(fd, &status) != 0) {
        const int error = -errno;
        close_descriptor(fd);
        return error;
    }
    file->descriptor = (struct sp_descriptor){.fd = fd, .device = status.st_dev, .inode = status.st_ino};
    file->can_be_rewritten = S_ISREG(status.st_mode);
    sp_descriptor_keep(&file->descriptor);
    return 0;
}

int sp_profile_file_open(const char *path, struct sp_profile_file *file)
{
    struct sp_profile_file made = {.descriptor.fd = -1};
    if (path == NULL)
        return -EFAULT;
    const int error = open_descriptor(path, &made);
    if (error != 0)
        return error;
    made.path = realpath(path, NULL);
    if (made.path == NULL)
        made.path = strdup(path);
    if (made.path == NULL) {
        sp_profile_file_close(&made);
        return -ENOMEM;
    }
    *file = made;
    return 0;
}

int sp_profile_file_write(struct sp_profile_file *file, const void *data, size_t bytes)
{
    if (!sp_descriptor_is_open(&file->descriptor)) {
        const int error = open_descriptor(file->path, file);
        if (error != 0)
            return error;
    } else if (file->can_be_rewritten &&
               (ftruncate(file->descriptor.fd, 0) != 0 || lseek(file->descriptor.fd, 0, SEEK_SET) != 0)) {
        return -errno;
    }
    return sp_output_write(file->descriptor.fd, data, bytes);
}

int sp_profile_file_close(struct sp_profile_file *file)
{
    const bool is_open = sp_descriptor_is_open(&file->descriptor);
    sp_descriptor_keep(NULL);
    const int error = is_open ? close_descriptor(file->descriptor.fd) : 0;
    free(file->path);
    *file = (struct sp_profile_file){.descriptor.fd = -1};
    return error;
}
