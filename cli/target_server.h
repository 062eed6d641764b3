/*
 * The other end of the handover: `sigprof record` takes segments from its targets and collects from them.
 *
 * Place: cli, between the targets' preload libraries and the collector. Context: ordinary code of one thread.
 */
#ifndef SIGPROF_CLI_TARGET_SERVER_H
#define SIGPROF_CLI_TARGET_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "collector/collector.h"
#include "session/session.h"

struct sp_target_server;

/* Whose samples go where: the collector for process `pid`; NULL: none can be had. */
typedef struct sp_collector *sp_collector_of(void *user, pid_t pid);

struct sp_server_setup {
    struct sp_session_config config; /* what targets sample by; the buffers' size is the server's business */
    bool is_following;               /* other processes than the first too */
    size_t image_descriptors;        /* that others may need in this process */
    sp_collector_of *collector_of;
    void *user; /* for collector_of */
};

/*
 * A new server. Stores what the variable SP_HANDOVER_VARIABLE has to be in the targets' environment. 0 or -errno of
 * socket(2), bind(2), epoll_create1(2), getrandom(2), -ENOMEM.
 */
int sp_server_new(const struct sp_server_setup *setup, char *variable, size_t variable_bytes,
                  struct sp_target_server **server);
void sp_server_free(struct sp_target_server *server);

/* Who the first process is. To be told before the first call of sp_server_serve. */
void sp_server_set_first(struct sp_target_server *server, pid_t first);

/* The descriptor to poll: readable when there is something to serve. */
int sp_server_fd(const struct sp_target_server *server);

/* Deals with what is there: new connections, messages, ends of processes. Never waits. */
void sp_server_serve(struct sp_target_server *server);

/* Drains every target, and lets go of those that have ended. */
void sp_server_drain(struct sp_target_server *server);

/* The same until nobody is left who waits for a descriptor: before sp_server_stop, when the command has ended. */
void sp_server_catch_up(struct sp_target_server *server);

/* Tells all targets to stop sampling and refuses new ones; what they have sampled is still collected. */
void sp_server_stop(struct sp_target_server *server);

/* Process `pid` has ended and is not reaped yet: takes in all that its segment holds. */
void sp_server_process_ended(struct sp_target_server *server, pid_t pid);

/* Process images that have handed over a segment so far. */
unsigned sp_server_targets_seen(const struct sp_target_server *server);

/* Processes that are sampled and run on, as of the last drain. */
unsigned sp_server_running(const struct sp_target_server *server);

/* Whether there may be processes of which the server will hear yet: one with a connection runs on, or forks now. */
bool sp_server_is_expecting(const struct sp_target_server *server);

/* Whether a process that has ended left a child that has not been heard of yet: it holds its parent's connection. */
bool sp_server_has_newborn(const struct sp_target_server *server);

#endif
