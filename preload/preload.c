/*
 * The library that `sigprof record` preloads: a session that begins before main and hands its segment over.
 *
 * Place: around the session, in a stranger's process. It uses libc alone, keeps one socket, starts no thread, prints
 * nothing and never fails the host: where anything goes wrong, the program runs on as if it were not here, and the
 * other side says so. Context: constructor and destructor, ordinary code of one thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "handler/entry.h"
#include "session/fork.h"
#include "session/handover.h"
#include "session/thread_start.h"

enum { HIGH_FD = 200 }; /* the low numbers belong to the host, which may count on getting them */

/* The connection, and what the socket was: the host may close our descriptor and get the number for a file of its own.
 */
static struct {
    int fd;
    pid_t pid;
    dev_t device;
    ino_t inode;
} connection = {.fd = -1};

/* Parses "NAME:TOKEN", TOKEN in 32 hex digits. */
static bool parse_variable(const char *value, struct sockaddr_un *address, socklen_t *length, uint64_t token[2])
{
    const char *colon = value != NULL ? strchr(value, ':') : NULL;
    if (colon == NULL || colon == value || (size_t)(colon - value) > sizeof address->sun_path - 1)
        return false;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX}; /* sun_path[0] == 0: the abstract name space */
    memcpy(address->sun_path + 1, value, (size_t)(colon - value));
    *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)(colon - value));
    return sscanf(colon + 1, "%16" SCNx64 "%16" SCNx64, &token[0], &token[1]) == 2;
}

static int move_up(int fd)
{
    const int high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
    if (high < 0)
        return fd;
    close(fd);
    return high;
}

static int connect_to(const struct sockaddr_un *address, socklen_t length)
{
    const struct timeval patience = {.tv_sec = SP_HANDOVER_TIMEOUT_S};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    fd = move_up(fd);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
        connect(fd, (const struct sockaddr *)address, length) == 0)
        return fd;
    const int error = -errno;
    close(fd);
    return error;
}

/* Sends a message, with a descriptor when `passed` ≥ 0. */
static bool send_message(const struct sp_handover_message *message, int passed)
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
        sent = sendmsg(connection.fd, &header, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)sizeof *message;
}

/* Waits for a message of `type`. */
static bool receive_message(struct sp_handover_message *message, uint32_t type)
{
    ssize_t got;
    do
        got = recv(connection.fd, message, sizeof *message, 0);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof *message && message->version == SP_HANDOVER_VERSION && message->type == type;
}

static struct sp_handover_message message_of(enum sp_handover_type type)
{
    return (struct sp_handover_message){.version = SP_HANDOVER_VERSION, .type = type, .pid = getpid()};
}

/* Introduces this process and learns what to sample: false when it is not wanted. */
static bool ask_for_config(const uint64_t token[2], struct sp_session_config *config)
{
    struct sp_handover_message message = message_of(SP_HANDOVER_HELLO);
    memcpy(message.token, token, sizeof message.token);
    if (!send_message(&message, -1) || !receive_message(&message, SP_HANDOVER_CONFIG))
        return false;
    *config = message.config;
    return true;
}

static bool hand_segment_over(const struct sp_session_config *config)
{
    int memfd;
    struct sp_handover_message message = message_of(SP_HANDOVER_SEGMENT);
    if (sp_session_create(config, &memfd) != 0)
        return false;
    message.geometry = sp_handler.segment.geometry;
    const bool is_taken = send_message(&message, memfd) && receive_message(&message, SP_HANDOVER_READY);
    close(memfd);
    return is_taken;
}

static void drop_connection(void)
{
    close(connection.fd);
    connection.fd = -1;
}

static bool start(const uint64_t token[2])
{
    struct sp_session_config config;
    struct stat status;
    if (fstat(connection.fd, &status) != 0 || !ask_for_config(token, &config))
        return false;
    connection.pid = getpid();
    connection.device = status.st_dev;
    connection.inode = status.st_ino;
    if (sp_fork_prepare(NULL) == 0 && hand_segment_over(&config) && sp_session_run() == 0) {
        sp_session_let_samples_through();
        return true;
    }
    if (sp_load_seq_cst(&sp_handler.state) == SP_SESSION_STARTING)
        sp_session_destroy();
    return false;
}

__attribute__((constructor)) static void begin(void)
{
    struct sockaddr_un address;
    socklen_t length;
    uint64_t token[2];
    const int saved = errno;
    if (parse_variable(getenv(SP_HANDOVER_VARIABLE), &address, &length, token)) {
        connection.fd = connect_to(&address, length);
        if (connection.fd >= 0 && !start(token))
            drop_connection();
    }
    errno = saved;
}

/* Whether the connection's descriptor still is our socket, in the process that made it. */
static bool is_connected(void)
{
    struct stat status;
    return connection.fd >= 0 && connection.pid == getpid() && fstat(connection.fd, &status) == 0 &&
           status.st_dev == connection.device && status.st_ino == connection.inode;
}

/* The last thing before a normal exit: libraries that main has loaded are still mapped. */
__attribute__((destructor)) static void end(void)
{
    struct sp_handover_message message = message_of(SP_HANDOVER_BYE);
    const int saved = errno;
    if (sp_load_seq_cst(&sp_handler.state) == SP_SESSION_RUNNING && is_connected()) {
        sp_session_stop();
        if (send_message(&message, -1))
            receive_message(&message, SP_HANDOVER_READY);
        drop_connection();
    }
    errno = saved;
}
