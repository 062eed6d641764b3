/*
 * A socket, its messages, and whether it still is ours.
 *
 * Place and context: see connection.h.
 */
#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "handler/raw_calls.h"
#include "session/own_descriptors.h"

static struct {
    struct sockaddr_un address;
    socklen_t length;
    uint64_t token[2];
} recorder;

static struct sp_descriptor current = {.fd = -1};

/* "NAME:TOKEN", TOKEN in 32 hex digits. */
bool sp_connection_find_recorder(const char *value)
{
    const char *colon = value != NULL ? strchr(value, ':') : NULL;
    if (colon == NULL || colon == value || (size_t)(colon - value) > sizeof recorder.address.sun_path - 1)
        return false;
    recorder.address.sun_family = AF_UNIX; /* sun_path[0] == 0: the abstract name space */
    memcpy(recorder.address.sun_path + 1, value, (size_t)(colon - value));
    recorder.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)(colon - value));
    return sscanf(colon + 1, "%16" SCNx64 "%16" SCNx64, &recorder.token[0], &recorder.token[1]) == 2;
}

static int move_up(int fd)
{
    const int high = fcntl(fd, F_DUPFD_CLOEXEC, SP_LOWEST_DESCRIPTOR);
    if (high < 0)
        return fd;
    sp_raw_close(fd);
    return high;
}

static bool connect_to_recorder(int fd)
{
    const struct timeval patience = {.tv_sec = SP_HANDOVER_TIMEOUT_S};
    struct stat status;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0 ||
        connect(fd, (const struct sockaddr *)&recorder.address, recorder.length) != 0 || fstat(fd, &status) != 0)
        return false;
    current = (struct sp_descriptor){.fd = fd, .device = status.st_dev, .inode = status.st_ino};
    sp_descriptor_keep(&current);
    return true;
}

bool sp_connection_open(void)
{
    current.fd = -1;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    fd = move_up(fd);
    if (connect_to_recorder(fd))
        return true;
    sp_raw_close(fd);
    return false;
}

struct sp_handover_message sp_connection_message(enum sp_handover_type type)
{
    struct sp_handover_message message = {.version = SP_HANDOVER_VERSION, .type = type, .pid = getpid()};
    memcpy(message.token, recorder.token, sizeof message.token);
    return message;
}

bool sp_connection_send(const struct sp_handover_message *message, int passed)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec body = {.iov_base = (void *)(uintptr_t)message, .iov_len = sizeof *message};
    struct msghdr header = {.msg_iov = &body, .msg_iovlen = 1};
    if (passed >= 0) {
        header.msg_control = &control;
        header.msg_controllen = sizeof control.bytes;
        control.head = (struct cmsghdr){CMSG_LEN(sizeof passed), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.head), &passed, sizeof passed);
    }
    ssize_t sent;
    do
        sent = sendmsg(current.fd, &header, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)sizeof *message;
}

bool sp_connection_receive(struct sp_handover_message *message, enum sp_handover_type type)
{
    ssize_t got;
    do
        got = recv(current.fd, message, sizeof *message, 0);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof *message && message->version == SP_HANDOVER_VERSION && message->type == type;
}

struct sp_descriptor sp_connection_now(void)
{
    return current;
}

void sp_connection_close(const struct sp_descriptor *connection)
{
    if (sp_descriptor_is_open(connection))
        sp_raw_close(connection->fd);
    if (connection->fd != current.fd)
        return;
    current.fd = -1;
    sp_descriptor_keep(NULL);
}
