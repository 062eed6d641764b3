/*
 * What makes a thread's samples due: its CPU timer or its perf event; and the process timer behind them.
 *
 * Place on the way of a sample: before it. Context: signal handler and any thread; calls for different threads may
 * overlap, those for one thread's slot do not (its arming lock, and its own signals).
 */
#ifndef SIGPROF_HANDLER_TRIGGER_H
#define SIGPROF_HANDLER_TRIGGER_H

#include <stdint.h>

#include "handler/segment.h"

#pragma GCC visibility push(hidden) /* else clang calls by way of a register: see check_handler.py */

/*
 * si_code of a signal that stands for a perf event, from the thread itself; the kernel's own are POLL_IN. Not negative:
 * RLIMIT_SIGPENDING may leave nothing but the number of a signal whose code is.
 */
enum { SP_POLL_BEHIND = 5 }; /* POLL_PRI of <signal.h> */

/* The CPU clock of thread `tid` (a tid of 0 is the caller's): Linux, include/linux/posix-timers_types.h. */
static inline int32_t sp_thread_clock(int32_t tid)
{
    return (int32_t)(~(uint32_t)tid << 3 | 6);
}

/*
 * Starts the trigger in use (header->trigger) for the thread of `slot`, whose tid, generation and account are filled
 * in: its timer expires, or its event comes, when the next period is due. Where the kernel refuses the one, the other
 * serves, unless the timer was asked for by name; refusals are counted and their errno kept. False when there is none.
 * `is_self`: it is the calling thread, whose signal comes at once if it owes something already. Another one may be
 * asleep, and would be woken by that.
 */
bool sp_trigger_start(const struct sp_segment *segment, uint32_t slot, bool is_self);

/* Ends the thread's trigger; its signals come no more, once the thread has taken those that are pending. */
void sp_trigger_stop(const struct sp_segment *segment, uint32_t slot);

/* Whether the thread has a trigger of its own. */
static inline bool sp_trigger_is_on(const struct sp_slot *slot)
{
    return sp_load_relaxed(&slot->timer) >= 0 || sp_load_relaxed(&slot->perf_fd) >= 0;
}

/*
 * To be called by a thread that runs and is not heard of. Where the host has closed the descriptor of its perf event,
 * as daemons do with all that they find, a timer takes its place.
 */
void sp_trigger_mend(const struct sp_segment *segment, uint32_t slot);

/* The slot of the thread whose perf event has descriptor `fd`, or 0: not a descriptor of ours. */
uint32_t sp_trigger_slot_of(const struct sp_segment *segment, int fd);

/* Whether `fd` is open and a perf event of ours: asks the kernel where the number is right. */
bool sp_trigger_owns(const struct sp_segment *segment, int fd);

/*
 * To be called by the thread at each signal of its trigger: whether it is the first one, which stands for what its
 * clock says, and not for one period.
 */
bool sp_trigger_is_first(const struct sp_segment *segment, uint32_t slot);

/*
 * In a forked child, whose copies of the parent's descriptors keep the parent's events alive: closes those that are
 * perf events of ours. The parent's timers are not inherited (timer_create(2)).
 */
void sp_trigger_close_inherited(const struct sp_segment *segment);

/* Moves the process timer's next expiration far enough ahead that it comes only when no known thread runs. */
void sp_process_timer_postpone(const struct sp_segment *segment, int32_t timer);

/* Creates the process timer with cookie slot 0 on this process's CPU clock: its id, or -errno. Not armed if -errno. */
int32_t sp_process_timer_start(const struct sp_segment *segment, uint32_t generation);

#pragma GCC visibility pop

#endif
