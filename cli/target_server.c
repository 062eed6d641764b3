/*
 * Connections of targets, one per process image.
 *
 * Place: see target_server.h. Context: ordinary code of one thread. What a target sends is not trusted: messages are of
 * one size, the token is checked, and the segment is mapped only when it can be read safely (sp_collector_map).
 *
 * The listener, each connection and each process's pidfd are in one epoll set, so that any number can be served.
 */
#include "target_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process_handle.h"
#include "session/handover.h"
#include "target_listener.h"
#include "target_message.h"

/* At most so many in a row, so that a storm of them does not keep the samples waiting. */
enum { EVENTS_AT_ONCE = 1024 };

/* Of those that are over, and kept; and as many again of those that had children. Each has a segment. */
enum { KEPT_AT_MOST = 64 };

/* Descriptors of a connection, and those that are kept for segments, /proc and the output, beside the images'. */
enum { FDS_PER_CONNECTION = 2, FDS_KEPT = 32 };

/* A process image that speaks or spoke to us. */
struct connection {
    struct connection *next; /* who connected before */
    int fd;                  /* -1: closed, by the end of the process or of its descriptors */
    struct sp_process_handle process;
    bool is_introduced;
    bool is_kept;             /* over, with no descriptors: a child that waits for ours may be its */
    bool is_parent;           /* a forked child of it has been heard */
    uint64_t image;           /* as in struct sp_handover_message */
    struct sp_target *target; /* NULL before SEGMENT or FORKED */
    struct sp_segment segment;
};

struct sp_target_server {
    struct sp_server_setup setup;
    uint64_t token[2];
    pid_t first;
    int listener, events; /* events: the epoll set; its items point to the connection, NULL is the listener */
    bool is_stopped;
    unsigned targets_seen;
    struct connection *connections; /* the newest first */
    size_t n_open;                  /* connections that are not only kept */
    uint64_t accepted;              /* connections so far */
    bool is_short;                  /* of descriptors, when it accepted last: others may wait for them */
};

static void watch(const struct sp_target_server *server, int fd, struct connection *connection, uint32_t flags)
{
    struct epoll_event event = {.events = EPOLLIN | flags, .data.ptr = connection};
    if (fd >= 0)
        epoll_ctl(server->events, EPOLL_CTL_ADD, fd, &event);
}

/*
 * The listener is edge-triggered: where descriptors are short, it stays readable, and each drain tries again. Who waits
 * there loses nothing but time: a forked child's segment waits with it.
 */
int sp_server_new(const struct sp_server_setup *setup, char *variable, size_t variable_bytes,
                  struct sp_target_server **server)
{
    struct sp_target_server *made = calloc(1, sizeof *made);
    if (made == NULL)
        return -ENOMEM;
    made->setup = *setup;
    made->listener = sp_listener_open(made->token, variable, variable_bytes);
    made->events = made->listener < 0 ? -1 : epoll_create1(EPOLL_CLOEXEC);
    if (made->events < 0) {
        const int error = made->listener < 0 ? made->listener : -errno;
        sp_server_free(made);
        return error;
    }
    watch(made, made->listener, NULL, EPOLLET);
    *server = made;
    return 0;
}

void sp_server_set_first(struct sp_target_server *server, pid_t first)
{
    server->first = first;
}

int sp_server_fd(const struct sp_target_server *server)
{
    return server->events;
}

/* Takes in all that the segment holds, for good: its process writes no more, or is not listened to. */
static void let_go(struct connection *connection)
{
    if (connection->target == NULL)
        return;
    sp_collector_process_cpu(connection->target, connection->process.cpu_ns);
    sp_collector_drain_last(connection->target);
    sp_collector_detach(connection->target);
    sp_collector_unmap(&connection->segment);
    connection->target = NULL;
}

/* Ends a connection; the link to it becomes the link to the next one. */
static void drop(struct sp_target_server *server, struct connection **link)
{
    struct connection *connection = *link;
    *link = connection->next;
    server->n_open -= !connection->is_kept;
    let_go(connection);
    sp_process_close(&connection->process);
    if (connection->fd >= 0)
        close(connection->fd);
    free(connection);
}

void sp_server_free(struct sp_target_server *server)
{
    if (server == NULL)
        return;
    while (server->connections != NULL)
        drop(server, &server->connections);
    if (server->listener >= 0)
        close(server->listener);
    if (server->events >= 0)
        close(server->events);
    free(server);
}

static bool has_descriptors(const struct sp_target_server *server)
{
    struct rlimit limit;
    const size_t kept = FDS_KEPT + server->setup.image_descriptors;
    return getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
           FDS_PER_CONNECTION * (server->n_open + 1) + kept <= limit.rlim_cur || server->n_open == 0;
}

static void accept_all(struct sp_target_server *server)
{
    while (has_descriptors(server)) {
        const int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            server->is_short = errno == EMFILE || errno == ENFILE;
            return;
        }
        struct connection *connection = calloc(1, sizeof *connection);
        if (connection == NULL) {
            close(fd);
            return;
        }
        *connection = (struct connection){.next = server->connections, .fd = fd};
        sp_process_open_peer(&connection->process, fd);
        server->connections = connection;
        server->n_open++;
        server->accepted++;
        watch(server, fd, connection, 0);
        watch(server, connection->process.pidfd, connection, 0);
    }
    server->is_short = true;
}

/* Whether it may speak, and is one of those that are to be sampled. */
static bool is_welcome(const struct sp_target_server *server, const struct connection *connection,
                       const struct sp_handover_message *message)
{
    const pid_t pid = connection->process.pid;
    return memcmp(message->token, server->token, sizeof server->token) == 0 && pid > 0 && !server->is_stopped &&
           (server->setup.is_following || pid == server->first);
}

static void attend(struct sp_target_server *server, struct connection *connection);

/*
 * The image that a process had before exec(2) writes no more: its last samples are taken in, and the account of the
 * thread that goes on, which has the process's pid for its tid, is put into `config`.
 */
static void succeed_older(struct sp_target_server *server, struct connection *newer, struct sp_session_config *config)
{
    for (struct connection **link = &newer->next; *link != NULL;) {
        struct connection *older = *link;
        if (older->process.pid != newer->process.pid) {
            link = &older->next;
            continue;
        }
        attend(server, older); /* it may have been forked and have become another before we came to hear it */
        if (older->target != NULL && !older->process.ended)
            sp_target_account(&older->segment, newer->process.pid, config);
        drop(server, link);
    }
}

static void on_hello(struct sp_target_server *server, struct connection *connection,
                     const struct sp_handover_message *message)
{
    if (!is_welcome(server, connection, message)) {
        sp_message_answer(connection->fd, SP_HANDOVER_REFUSE);
        return;
    }
    struct sp_handover_message answer = {
        .type = SP_HANDOVER_CONFIG, .is_followed = server->setup.is_following, .config = server->setup.config};
    answer.config.buffer_ms = connection->process.pid == server->first ? SP_FIRST_BUFFER_MS : SP_FOLLOWER_BUFFER_MS;
    succeed_older(server, connection, &answer.config);
    connection->is_introduced = true;
    connection->image = message->image;
    sp_message_send(connection->fd, &answer);
}

/* Begins to collect from the segment behind `memfd`. */
static bool take_segment(struct sp_target_server *server, struct connection *connection,
                         const struct sp_handover_message *message, int memfd, struct sp_target *parent)
{
    const pid_t pid = connection->process.pid;
    struct sp_collector *collector = server->setup.collector_of(server->setup.user, pid);
    if (connection->target != NULL || collector == NULL ||
        sp_collector_map(memfd, &message->geometry, &connection->segment) != 0)
        return false;
    connection->target = sp_collector_attach(collector, &connection->segment, pid, parent);
    if (connection->target == NULL) {
        sp_collector_unmap(&connection->segment);
        return false;
    }
    server->targets_seen++;
    return true;
}

static void on_segment(struct sp_target_server *server, struct connection *connection,
                       const struct sp_handover_message *message, int memfd)
{
    const bool is_taken =
        connection->is_introduced && !server->is_stopped && take_segment(server, connection, message, memfd, NULL);
    sp_message_answer(connection->fd, is_taken ? SP_HANDOVER_READY : SP_HANDOVER_REFUSE);
}

static struct sp_target *find_parent(const struct sp_target_server *server, uint64_t image)
{
    struct connection *connection = server->connections;
    while (connection != NULL && (connection->image != image || connection->target == NULL))
        connection = connection->next;
    if (image == 0 || connection == NULL)
        return NULL;
    connection->is_parent = true;
    return connection->target;
}

/* It waits for no answer: where it is not welcome, its segment tells it to stop. */
static void on_forked(struct sp_target_server *server, struct connection *connection,
                      const struct sp_handover_message *message, int memfd)
{
    struct sp_segment segment;
    if (is_welcome(server, connection, message) &&
        take_segment(server, connection, message, memfd, find_parent(server, message->parent))) {
        connection->image = message->image;
    } else if (sp_collector_map(memfd, &message->geometry, &segment) == 0) {
        sp_store_release(&segment.header->stop_requested, 1u);
        sp_collector_unmap(&segment);
    }
}

/* It has stopped sampling, and waits. */
static void on_bye(struct connection *connection)
{
    if (connection->target != NULL) {
        sp_collector_process_cpu(connection->target, connection->process.cpu_ns);
        sp_collector_drain_last(connection->target);
        sp_collector_read_last_maps(connection->target);
        sp_collector_release_files(
            connection->target); /* before the answer: it may be waited for, and then unmounted */
    }
    sp_message_answer(connection->fd, SP_HANDOVER_READY);
}

static void on_message(struct sp_target_server *server, struct connection *connection,
                       const struct sp_handover_message *message, int memfd)
{
    if (message->type == SP_HANDOVER_HELLO)
        on_hello(server, connection, message);
    else if (message->type == SP_HANDOVER_SEGMENT && memfd >= 0)
        on_segment(server, connection, message, memfd);
    else if (message->type == SP_HANDOVER_FORKED && memfd >= 0)
        on_forked(server, connection, message, memfd);
    else if (message->type == SP_HANDOVER_BYE)
        on_bye(connection);
}

/* All that a connection has for us: what it has said, and whether its process has ended. */
static void attend(struct sp_target_server *server, struct connection *connection)
{
    struct sp_handover_message message;
    enum sp_received received = SP_RECEIVED_NOTHING;
    int memfd;
    /* The end first: what a process has said before it ended has arrived then. */
    sp_process_look(&connection->process);
    while (connection->fd >= 0 &&
           (received = sp_message_receive(connection->fd, &message, &memfd)) == SP_RECEIVED_ONE) {
        on_message(server, connection, &message, memfd);
        if (memfd >= 0)
            close(memfd);
    }
    if (connection->process.ended)
        sp_process_close(&connection->process); /* it would stay readable */
    if (received == SP_RECEIVED_END) {
        /* Not the end of the process: a daemon closes descriptors that are not its own. */
        close(connection->fd);
        connection->fd = -1;
    }
}

void sp_server_serve(struct sp_target_server *server)
{
    struct epoll_event event;
    /* One by one: what is done for one may end the connection that another would be for. */
    for (unsigned i = 0; i < EVENTS_AT_ONCE && epoll_wait(server->events, &event, 1, 0) == 1; i++) {
        if (event.data.ptr == NULL)
            accept_all(server);
        else
            attend(server, event.data.ptr);
    }
}

/* Whether it will not be heard of again. A child that was forked just now still holds its parent's connection. */
static bool is_over(const struct connection *connection)
{
    return connection->fd < 0 && (connection->target == NULL || connection->process.ended);
}

/* It is over, and so are its descriptors. */
static void keep(struct sp_target_server *server, struct connection *connection)
{
    if (connection->is_kept)
        return;
    sp_process_close(&connection->process);
    connection->is_kept = true;
    server->n_open--;
}

/*
 * Lets go of those that will not be heard of again, and drains the others. While somebody waits for a descriptor, who
 * may be the child of one of them, the newest are kept, and the newest of those that had other children.
 */
static void drain_all(struct sp_target_server *server)
{
    unsigned n_kept[] = {0, 0};
    for (struct connection **link = &server->connections; *link != NULL;) {
        struct connection *connection = *link;
        sp_process_look(&connection->process);
        if (is_over(connection) && (!server->is_short || n_kept[connection->is_parent] == KEPT_AT_MOST)) {
            drop(server, link);
            continue;
        }
        if (is_over(connection)) {
            keep(server, connection);
            n_kept[connection->is_parent]++;
        } else if (connection->target != NULL) {
            sp_collector_process_cpu(connection->target, connection->process.cpu_ns);
            sp_collector_drain(connection->target);
        }
        link = &connection->next;
    }
}

/* First what they have to say: a child of one that is over takes over its parent's mappings. */
void sp_server_drain(struct sp_target_server *server)
{
    accept_all(server);
    sp_server_serve(server);
    drain_all(server);
    accept_all(server); /* where descriptors were short */
}

void sp_server_catch_up(struct sp_target_server *server)
{
    uint64_t accepted;
    bool was_short;
    do {
        accepted = server->accepted;
        was_short = server->is_short;
        sp_server_drain(server);
    } while ((was_short || server->is_short) && server->accepted != accepted);
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
    sp_server_catch_up(server);
    for (struct connection *c = server->connections; c != NULL; c = c->next)
        if (c->process.pid == pid) {
            attend(server, c);
            let_go(c);
        }
}

unsigned sp_server_targets_seen(const struct sp_target_server *server)
{
    return server->targets_seen;
}

unsigned sp_server_running(const struct sp_target_server *server)
{
    unsigned n = 0;
    for (const struct connection *c = server->connections; c != NULL; c = c->next)
        n += c->target != NULL && !c->process.ended;
    return n;
}

bool sp_server_is_expecting(const struct sp_target_server *server)
{
    return server->connections != NULL;
}

bool sp_server_has_newborn(const struct sp_target_server *server)
{
    const struct connection *c = server->connections;
    while (c != NULL && (c->fd < 0 || !c->process.ended))
        c = c->next;
    return c != NULL;
}
