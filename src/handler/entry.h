/*
 * The signal handler itself, and the state that its handlers share with the session.
 *
 * Place on the way of a sample: its beginning. The session (src/session) writes `sp_handler`, handlers read it.
 */
#ifndef SIGPROF_HANDLER_ENTRY_H
#define SIGPROF_HANDLER_ENTRY_H

#include <signal.h>
#include <stdint.h>

#include "handler/segment.h"

#pragma GCC visibility push(hidden) /* else clang calls by way of a register: see check_handler.py */

/* A session's life: IDLE → STARTING → RUNNING → STOPPING → IDLE, and STARTING → IDLE when a start fails. */
enum sp_session_state {
    SP_SESSION_IDLE = 0,
    SP_SESSION_STARTING,
    SP_SESSION_RUNNING,
    SP_SESSION_STOPPING,
};

/* How many handlers are inside, in stripes so that threads seldom share a line. Lives as long as the library. */
struct sp_inflight {
    _Atomic uint32_t handlers;
    uint32_t reserved[31];
};

/*
 * Whether a sample of the interrupted thread is wanted: 0 is no. `ask` is the host's function, called in the handler
 * and on that thread, with all signals blocked and nothing of ours held; it has to return. NULL: all are wanted.
 */
struct sp_sample_filter {
    int (*ask)(void *argument);
    void *argument;
};

/*
 * One per process. A handler counts itself into a stripe of `inflight`, then reads `state`; who stops a session writes
 * `state`, then waits until all stripes are 0 (all sequentially consistent). So either the handler sees the new state
 * and does not touch the segment, or the session waits for it.
 */
struct sp_handler_state {
    _Atomic uint32_t state; /* enum sp_session_state */
    _Atomic int32_t pid;    /* of the process whose session it is */
    /* Written while no session runs, read only by handlers that saw RUNNING. */
    struct sp_segment segment;
    struct sp_sample_filter filter;
    uint32_t generation;           /* of the process timer's cookie */
    _Atomic int32_t process_timer; /* kernel timer id, or -1 */
    _Atomic int32_t event_fd;      /* perf events have descriptors from here on; INT32_MAX: there never were any */
    /* Signals that touched no segment. */
    _Atomic uint64_t late;  /* of our timers, when no session was running */
    _Atomic uint64_t stray; /* of anybody else */
    /* What the host would have done with SIGPROF; NULL: nothing known. What it points to does not change. */
    _Atomic(const struct sigaction *) host;
    struct sp_inflight inflight[SP_STRIPES];
};

extern struct sp_handler_state sp_handler;

/* The handler of SIGPROF: install with SA_SIGINFO | SA_ONSTACK | SA_RESTART and a full sa_mask. */
void sp_handler_entry(int signal_number, siginfo_t *info, void *context);

/*
 * Brackets for code outside the handler that uses `sp_handler.segment`, such as a thread's start: enter returns true
 * when a session runs in this process, and then keeps it from ending until leave. Any thread; never waits.
 */
bool sp_handler_enter(uint32_t *stripe);
void sp_handler_leave(uint32_t stripe);

/* Handlers and brackets that are inside now. Any thread. */
uint32_t sp_handler_inside(void);

#pragma GCC visibility pop

#endif
