/*
 * A name and a token, both random.
 *
 * Place: see target_listener.h. Context: ordinary code of one thread.
 */
#include "target_listener.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_at(const struct sockaddr_un *address, socklen_t length)
{
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (bind(fd, (const struct sockaddr *)address, length) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    const int error = -errno;
    close(fd);
    return error;
}

int sp_listener_open(uint64_t token[2], char *variable, size_t variable_bytes)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX}; /* sun_path[0] == 0: the abstract name space */
    uint64_t random[3];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return -EIO;
    const int name = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "sigprof-%016" PRIx64, random[2]);
    const int fd = listen_at(&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)name));
    if (fd < 0)
        return fd;
    memcpy(token, random, 2 * sizeof *token);
    snprintf(variable, variable_bytes, "%s:%016" PRIx64 "%016" PRIx64, address.sun_path + 1, random[0], random[1]);
    return fd;
}
