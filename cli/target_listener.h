/*
 * The socket that targets connect to.
 *
 * Place: cli, below target_server.c. Context: ordinary code of one thread.
 */
#ifndef SIGPROF_CLI_TARGET_LISTENER_H
#define SIGPROF_CLI_TARGET_LISTENER_H

#include <stddef.h>
#include <stdint.h>

/*
 * Listens at a name that nobody else has. Stores the token that targets have to know, and what the variable
 * SP_HANDOVER_VARIABLE has to be in their environment. Returns the socket, which does not block, or -errno of
 * socket(2), bind(2), getrandom(2).
 */
int sp_listener_open(uint64_t token[2], char *variable, size_t variable_bytes);

#endif
