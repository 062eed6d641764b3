/*
 * How a target hands its segment to `sigprof record`: the messages.
 *
 * Place: session on the target's side (preload/), cli/record on the other. Context: ordinary code.
 *
 * A Unix socket of type SOCK_SEQPACKET in the abstract name space, so that nothing is left on disk. The environment
 * variable below gives "NAME:TOKEN"; who knows the token may speak. An image that exec(2) has begun:
 *
 *   target  HELLO    pid, token, and a number of its own choice
 *   record  CONFIG   what to sample and how                       (or REFUSE: run on without us)
 *   target  SEGMENT  the geometry, and the memfd by SCM_RIGHTS
 *   record  READY    the segment is mapped and the target's mappings are read: main may begin
 *     …
 *   target  BYE      the process ends normally
 *   record  READY    the last mappings are read: it may go on to end
 *
 * A forked child knows from its parent what it may do and how, and its mappings are its parent's. So it has nothing to
 * wait for, and a fork costs no way to the other process and back:
 *
 *   target  FORKED   pid, token, its number and its parent's, the geometry, and the memfd
 *     …
 *   target  BYE, record READY, as above
 *
 * A child sends that before it closes the parent's connection, which it has inherited: as long as a connection is open
 * to the recorder, there may be processes that it has not heard of yet, and when it is not, there are none.
 */
#ifndef SIGPROF_SESSION_HANDOVER_H
#define SIGPROF_SESSION_HANDOVER_H

#include <stdint.h>

#include "handler/segment.h"
#include "session/session.h"

#define SP_HANDOVER_VARIABLE "SIGPROF_RECORD"

enum { SP_HANDOVER_VERSION = 3, SP_HANDOVER_TIMEOUT_S = 5 };

/* Buffers for samples: most of the processes that follow the first are small and short. */
enum { SP_FIRST_BUFFER_MS = 1000, SP_FOLLOWER_BUFFER_MS = 250 };

enum sp_handover_type {
    SP_HANDOVER_HELLO = 1,
    SP_HANDOVER_CONFIG,
    SP_HANDOVER_REFUSE,
    SP_HANDOVER_SEGMENT,
    SP_HANDOVER_READY,
    SP_HANDOVER_FORKED,
    SP_HANDOVER_BYE,
};

struct sp_handover_message {
    uint32_t version;
    uint32_t type; /* enum sp_handover_type */
    int32_t pid;
    uint32_t is_followed;            /* CONFIG: forked children are sampled too */
    uint64_t token[2];               /* HELLO, FORKED */
    uint64_t image;                  /* HELLO, FORKED: random, tells process images apart; 0: it has none */
    uint64_t parent;                 /* FORKED: the parent's image */
    struct sp_session_config config; /* CONFIG */
    struct sp_geometry geometry;     /* SEGMENT, FORKED */
};

#endif
