/*
 * What goes over a target's connection.
 *
 * Place: cli, below target_server.c. Context: ordinary code of one thread. Nothing that comes is trusted.
 */
#ifndef SIGPROF_CLI_TARGET_MESSAGE_H
#define SIGPROF_CLI_TARGET_MESSAGE_H

#include <sys/types.h>

#include "session/handover.h"

enum sp_received {
    SP_RECEIVED_NOTHING, /* there is none at the moment */
    SP_RECEIVED_ONE,
    SP_RECEIVED_END, /* the other side has closed the connection */
};

/*
 * Takes the next message of our version; others are passed over. `*memfd` is the descriptor that came with it, the
 * caller's to close, or -1. Never waits: `fd` does not block.
 */
enum sp_received sp_message_receive(int fd, struct sp_handover_message *message, int *memfd);

/* Sends a message, or one of `type` alone. A target that does not take it has its own time-out. */
void sp_message_send(int fd, struct sp_handover_message *message);
void sp_message_answer(int fd, enum sp_handover_type type);

/* Puts the account of thread `tid`, as its segment has it, into `config`. Nothing happens when it has none there. */
void sp_target_account(const struct sp_segment *segment, pid_t tid, struct sp_session_config *config);

#endif
