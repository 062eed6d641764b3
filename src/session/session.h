/*
 * A session: from the moment the segment exists until the last handler has left it.
 *
 * Place on the way of a sample: beside the handler; it decides when and whom, never what. Context: ordinary code of any
 * thread. The states are those of handler/entry.h; the transitions are made here only:
 *
 *   IDLE ──create──▶ STARTING ──run──▶ RUNNING ──stop──▶ STOPPING ──destroy──▶ IDLE
 *                        └───────────────destroy (a start that failed)──────────┘
 *
 * create, run and destroy are called by whoever made the first transition; a second create meanwhile gets -EBUSY.
 */
#ifndef SIGPROF_SESSION_SESSION_H
#define SIGPROF_SESSION_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "handler/segment.h"
#include "handler/threads.h"

struct sp_session_config {
    uint64_t period_ns;    /* CPU time between two samples of a thread; ≥ 1 */
    uint32_t max_depth;    /* frames, 1 to SP_DEPTH_LIMIT */
    uint32_t max_threads;  /* alive at once with a timer of their own; 0: 16383 */
    uint64_t memory_bytes; /* the segment may not take more; 0: no limit */
    uint32_t trigger;      /* enum sp_trigger */
    uint32_t buffer_ms;    /* the shards have room for samples of that time on every CPU; 0: 1000 */
    /* Whether the CPU time counts that the process's threads used before the session: a process recorded from outside
       counts from its birth, exec and dynamic linking too. */
    uint32_t is_from_birth;
    /* The account of the main thread goes on where that of the image before exec(2) ended. */
    uint32_t is_continued;
    int64_t base_ns; /* as in struct sp_slot */
    uint64_t seen;
};

/*
 * IDLE → STARTING: makes the segment, all of it real memory. `memfd` NULL: private memory. Otherwise shared memory,
 * whose sealed file descriptor is stored there and is the caller's to close.
 * Returns 0; -EBUSY: a session exists; -EINVAL: a number out of range; -ENOMEM: no memory, or more than memory_bytes
 * would be needed; or the error of memfd_create(2), fallocate(2).
 */
int sp_session_create(const struct sp_session_config *config, int *memfd);

/*
 * In STARTING: samples are asked for first, see struct sp_sample_filter. sp_session_create has left all wanted.
 */
void sp_session_set_filter(int (*ask)(void *argument), void *argument);

/*
 * STARTING → RUNNING: installs the handler, starts the process timer, and arms all threads.
 * Returns 0, or the error of sigaction(2); then it is STARTING still.
 */
int sp_session_run(void);

/*
 * Whether anything makes samples due in the session that runs. If not, threads are known and their CPU time is, but
 * not where it goes.
 */
bool sp_session_has_trigger(void);

/*
 * The same in a forked child, whose only thread is the caller, of `birth`. All that is called here and in
 * sp_session_create is allowed in a signal handler, as it has to be where the parent had more threads.
 */
int sp_session_run_alone(const struct sp_birth *birth);

/*
 * RUNNING → STOPPING: on return no handler is inside the segment and none will be, all timers are deleted and perf
 * events closed, what threads still owed is settled, and SIGPROF is handled as before. (Where that was the default
 * action, which ends the process, a handler that does nothing stays: a signal that is still on its way must not be
 * fatal.) Returns 0, or -EINVAL when no session was running.
 */
int sp_session_stop(void);

/* STOPPING or STARTING → IDLE: frees the segment. */
void sp_session_destroy(void);

/* What the session was created with: from create on. */
const struct sp_session_config *sp_session_config(void);

/* The session's segment: from create until destroy. */
const struct sp_segment *sp_session_segment(void);

/* SIGPROFs that touched no segment since the process began: those of others, and those of our timers after a session.
 */
void sp_session_signals(uint64_t *stray, uint64_t *late);

/* Arms every thread of the process that has no timer yet, until a pass over /proc/self/task finds no new one. */
void sp_session_arm_all(void);

/*
 * The session's geometry for a config on this machine: 0, -EINVAL or -ENOMEM as in sp_session_create. `cpus` ≥ 1.
 */
int sp_session_geometry(const struct sp_session_config *config, uint32_t cpus, struct sp_geometry *geometry);

#endif
