/*
 * The preload library's line to `sigprof record`.
 *
 * Place: preload, below preload.c. Context: ordinary code of one thread, before main, at its end, or in a forked child;
 * but for sp_connection_find_recorder, all is allowed in a signal handler. A host may close our descriptor and get its
 * number for a file of its own: it is looked at before each use that comes later.
 */
#ifndef SIGPROF_PRELOAD_CONNECTION_H
#define SIGPROF_PRELOAD_CONNECTION_H

#include <stdbool.h>

#include "session/handover.h"
#include "session/own_descriptors.h"

/*
 * Learns from the value of SP_HANDOVER_VARIABLE where the recorder is, and keeps it for children: the environment may
 * be another when they are forked. False when there is none.
 */
bool sp_connection_find_recorder(const char *value);

/* Connects to the recorder that was found. What was the connection before is forgotten, not closed. */
bool sp_connection_open(void);

/* A message of `type` with what every message has. */
struct sp_handover_message sp_connection_message(enum sp_handover_type type);

/* Sends a message, with a descriptor when `passed` ≥ 0. */
bool sp_connection_send(const struct sp_handover_message *message, int passed);

/* Waits for a message of `type`. */
bool sp_connection_receive(struct sp_handover_message *message, enum sp_handover_type type);

/* The connection as it is now, for sp_connection_close: a child's first one is its parent's. */
struct sp_descriptor sp_connection_now(void);

/* Closes it where it is still that. */
void sp_connection_close(const struct sp_descriptor *connection);

#endif
