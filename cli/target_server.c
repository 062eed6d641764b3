/*
 * Connections of targets, one per process image.
 *
 * Place: see target_server.h. Context: ordinary code of one thread. What a target sends is not trusted: messages are of
 * one size, the token is checked, and the segment is mapped only when it can be read safely (sp_collector_map).
 */
#include "target_server.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "session/handover.h"

/* A process image that speaks or spoke to us. */
struct connection {
    struct connection *next;
    int fd; /* -1: closed, by the end of the process or of its descriptors */
    pid_t pid;
    bool is_introduced;
    struct sp_target *target; /* NULL before SEGMENT */
    struct sp_segment segment;
};

struct sp_target_server {
    struct sp_session_config config;
    struct sp_collector *collector;
    uint64_t token[2];
    int listener;
    bool is_stopped;
    unsigned targets_seen;
    struct connection *connections;
};

static int listen_at(struct sockaddr_un *address, socklen_t length)
{
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (bind(fd, (struct sockaddr *)address, length) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    const int error = -errno;
    close(fd);
    return error;
}

int sp_server_new(const struct sp_session_config *config, struct sp_collector *collector, char *variable,
                  size_t variable_bytes, struct sp_target_server **server)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX}; /* sun_path[0] == 0: the abstract name space */
    uint64_t random[3];
    struct sp_target_server *made = calloc(1, sizeof *made);
    if (made == NULL)
        return -ENOMEM;
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        free(made);
        return -EIO;
    }
    const int name = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "sigprof-%016" PRIx64, random[2]);
    made->listener = listen_at(&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)name));
    if (made->listener < 0) {
        const int error = made->listener;
        free(made);
        return error;
    }
    made->config = *config;
    made->collector = collector;
    memcpy(made->token, random, sizeof made->token);
    snprintf(variable, variable_bytes, "%s:%016" PRIx64 "%016" PRIx64, address.sun_path + 1, random[0], random[1]);
    *server = made;
    return 0;
}

/* Ends a connection; the link to it becomes the link to the next one. */
static void drop(struct connection **link)
{
    struct connection *connection = *link;
    *link = connection->next;
    if (connection->target != NULL) {
        sp_collector_drain_last(connection->target);
        sp_collector_detach(connection->target);
        sp_collector_unmap(&connection->segment);
    }
    if (connection->fd >= 0)
        close(connection->fd);
    free(connection);
}

void sp_server_free(struct sp_target_server *server)
{
    if (server == NULL)
        return;
    while (server->connections != NULL)
        drop(&server->connections);
    close(server->listener);
    free(server);
}

size_t sp_server_poll_set(const struct sp_target_server *server, struct pollfd *at, size_t limit)
{
    size_t n = 0;
    if (limit > 0)
        at[n++] = (struct pollfd){.fd = server->listener, .events = POLLIN};
    for (const struct connection *c = server->connections; c != NULL && n < limit; c = c->next)
        if (c->fd >= 0)
            at[n++] = (struct pollfd){.fd = c->fd, .events = POLLIN};
    return n;
}

static void reply(const struct connection *connection, enum sp_handover_type type,
                  const struct sp_session_config *config)
{
    struct sp_handover_message message = {.version = SP_HANDOVER_VERSION, .type = type};
    if (config != NULL)
        message.config = *config;
    /* A target that does not take its answer has its own time-out. */
    send(connection->fd, &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void accept_all(struct sp_target_server *server)
{
    for (;;) {
        const int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return;
        struct connection *connection = calloc(1, sizeof *connection);
        if (connection == NULL) {
            close(fd);
            return;
        }
        *connection = (struct connection){.next = server->connections, .fd = fd};
        server->connections = connection;
    }
}

/* The new image of a process that was here before exec(2): the old one writes no more. */
static void drop_older(struct sp_target_server *server, const struct connection *newer)
{
    for (struct connection **link = &server->connections; *link != NULL;) {
        if (*link != newer && (*link)->is_introduced && (*link)->pid == newer->pid)
            drop(link);
        else
            link = &(*link)->next;
    }
}

static void on_hello(struct sp_target_server *server, struct connection *connection,
                     const struct sp_handover_message *message)
{
    struct ucred peer;
    socklen_t length = sizeof peer;
    const bool is_known = memcmp(message->token, server->token, sizeof server->token) == 0 &&
                          getsockopt(connection->fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.pid > 0;
    if (!is_known || server->is_stopped) {
        reply(connection, SP_HANDOVER_REFUSE, NULL);
        return;
    }
    connection->is_introduced = true;
    connection->pid = peer.pid; /* as the kernel says, in our pid name space */
    reply(connection, SP_HANDOVER_CONFIG, &server->config);
}

static void on_segment(struct sp_target_server *server, struct connection *connection,
                       const struct sp_handover_message *message, int memfd)
{
    if (!connection->is_introduced || connection->target != NULL ||
        sp_collector_map(memfd, &message->geometry, &connection->segment) != 0) {
        reply(connection, SP_HANDOVER_REFUSE, NULL);
        return;
    }
    drop_older(server, connection);
    connection->target = sp_collector_attach(server->collector, &connection->segment, connection->pid);
    if (connection->target == NULL) {
        sp_collector_unmap(&connection->segment);
        reply(connection, SP_HANDOVER_REFUSE, NULL);
        return;
    }
    server->targets_seen++;
    reply(connection, SP_HANDOVER_READY, NULL);
}

static void on_bye(struct connection *connection)
{
    if (connection->target != NULL) {
        sp_collector_look(connection->target);
        sp_collector_read_maps(connection->target);
    }
    reply(connection, SP_HANDOVER_READY, NULL);
}

static void on_message(struct sp_target_server *server, struct connection *connection,
                       const struct sp_handover_message *message, int memfd)
{
    if (message->type == SP_HANDOVER_HELLO)
        on_hello(server, connection, message);
    else if (message->type == SP_HANDOVER_SEGMENT && memfd >= 0)
        on_segment(server, connection, message, memfd);
    else if (message->type == SP_HANDOVER_BYE)
        on_bye(connection);
}

/* The descriptor that came with a message, or -1; any more than one are closed. */
static int take_descriptor(struct msghdr *header)
{
    int taken = -1;
    for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control != NULL; control = CMSG_NXTHDR(header, control)) {
        if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
            continue;
        const size_t n = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            if (taken >= 0)
                close(taken);
            memcpy(&taken, CMSG_DATA(control) + i * sizeof(int), sizeof taken);
        }
    }
    return taken;
}

/* One message: false when the connection is at its end. */
static bool receive(struct sp_target_server *server, struct connection *connection)
{
    struct sp_handover_message message;
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct iovec body = {.iov_base = &message, .iov_len = sizeof message};
    struct msghdr header = {
        .msg_iov = &body, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.bytes};
    const ssize_t got = recvmsg(connection->fd, &header, MSG_CMSG_CLOEXEC);
    if (got < 0)
        return errno == EINTR || errno == EAGAIN;
    const int memfd = take_descriptor(&header);
    if (got == (ssize_t)sizeof message && message.version == SP_HANDOVER_VERSION)
        on_message(server, connection, &message, memfd);
    if (memfd >= 0)
        close(memfd);
    return got > 0;
}

static struct connection *connection_of(const struct sp_target_server *server, int fd)
{
    struct connection *connection = server->connections;
    while (connection != NULL && connection->fd != fd)
        connection = connection->next;
    return connection;
}

/* The end of the connection is not the end of the process: a daemon closes descriptors that are not its own. */
static void close_connection(struct connection *connection)
{
    close(connection->fd);
    connection->fd = -1;
}

void sp_server_serve(struct sp_target_server *server, const struct pollfd *polled, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (polled[i].revents == 0)
            continue;
        struct connection *connection = connection_of(server, polled[i].fd);
        if (polled[i].fd == server->listener)
            accept_all(server);
        else if (connection != NULL && !receive(server, connection))
            close_connection(connection);
    }
}

static bool has_ended(const struct connection *connection)
{
    return connection->fd < 0 && (connection->target == NULL || (kill(connection->pid, 0) != 0 && errno == ESRCH));
}

void sp_server_drain(struct sp_target_server *server)
{
    for (struct connection **link = &server->connections; *link != NULL;) {
        if (has_ended(*link)) {
            drop(link);
            continue;
        }
        if ((*link)->target != NULL)
            sp_collector_drain((*link)->target);
        link = &(*link)->next;
    }
}

void sp_server_stop(struct sp_target_server *server)
{
    server->is_stopped = true;
    for (const struct connection *c = server->connections; c != NULL; c = c->next)
        if (c->target != NULL)
            sp_store_release(&c->segment.header->stop_requested, 1u);
}

void sp_server_process_ended(struct sp_target_server *server, pid_t pid)
{
    for (struct connection **link = &server->connections; *link != NULL;) {
        if ((*link)->is_introduced && (*link)->pid == pid)
            drop(link);
        else
            link = &(*link)->next;
    }
}

unsigned sp_server_targets_seen(const struct sp_target_server *server)
{
    return server->targets_seen;
}
