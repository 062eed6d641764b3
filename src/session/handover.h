/*
 * How a target hands its segment to `sigprof record`: the messages.
 *
 * Place: session on the target's side (preload/), cli/record on the other. Context: ordinary code.
 *
 * A Unix socket of type SOCK_SEQPACKET in the abstract name space, so that nothing is left on disk. The environment
 * variable below gives "NAME:TOKEN"; who knows the token may speak. Then:
 *
 *   target  HELLO    pid, token
 *   record  CONFIG   what to sample and how                       (or REFUSE: run on without us)
 *   target  SEGMENT  the geometry, and the memfd by SCM_RIGHTS
 *   record  READY    the segment is mapped and the target's mappings are read: main may begin
 *     …
 *   target  BYE      the process ends normally
 *   record  READY    the last mappings are read: it may go on to end
 */
#ifndef SIGPROF_SESSION_HANDOVER_H
#define SIGPROF_SESSION_HANDOVER_H

#include <stdint.h>

#include "handler/segment.h"
#include "session/session.h"

#define SP_HANDOVER_VARIABLE "SIGPROF_RECORD"

enum { SP_HANDOVER_VERSION = 1, SP_HANDOVER_TIMEOUT_S = 5 };

enum sp_handover_type {
    SP_HANDOVER_HELLO = 1,
    SP_HANDOVER_CONFIG,
    SP_HANDOVER_REFUSE,
    SP_HANDOVER_SEGMENT,
    SP_HANDOVER_READY,
    SP_HANDOVER_BYE,
};

struct sp_handover_message {
    uint32_t version;
    uint32_t type; /* enum sp_handover_type */
    int32_t pid;
    uint32_t reserved;
    uint64_t token[2];
    struct sp_session_config config; /* CONFIG */
    struct sp_geometry geometry;     /* SEGMENT */
};

#endif
