/*
 * The other end of the handover: `sigprof record` takes segments from its targets and collects from them.
 *
 * Place: cli, between the targets' preload libraries and the collector. Context: ordinary code of one thread.
 */
#ifndef SIGPROF_CLI_TARGET_SERVER_H
#define SIGPROF_CLI_TARGET_SERVER_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "collector/collector.h"
#include "session/session.h"

struct sp_target_server;

/*
 * A new server whose targets sample by `config` into `collector` (the caller's). Stores what the variable
 * SP_HANDOVER_VARIABLE has to be in the targets' environment. 0 or -errno of socket(2), bind(2), getrandom(2), -ENOMEM.
 */
int sp_server_new(const struct sp_session_config *config, struct sp_collector *collector, char *variable,
                  size_t variable_bytes, struct sp_target_server **server);
void sp_server_free(struct sp_target_server *server);

/* Fills at[0..limit) with what to poll; how many that were. */
size_t sp_server_poll_set(const struct sp_target_server *server, struct pollfd *at, size_t limit);

/* Deals with all messages that are there. Never waits. */
void sp_server_serve(struct sp_target_server *server, const struct pollfd *polled, size_t n);

/* Drains every target, and lets go of those that have ended. */
void sp_server_drain(struct sp_target_server *server);

/* Tells all targets to stop sampling and refuses new ones; what they have sampled is still collected. */
void sp_server_stop(struct sp_target_server *server);

/* Process `pid` has ended: takes in all that its segment holds. */
void sp_server_process_ended(struct sp_target_server *server, pid_t pid);

/* Processes that have handed over a segment so far. */
unsigned sp_server_targets_seen(const struct sp_target_server *server);

#endif
