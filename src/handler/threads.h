/*
 * The thread table: who is a thread, which timer is its, and the cookie that ties the two.
 *
 * Place on the way of a sample: before it. Context: signal handler and any thread; calls may overlap, also for
 * the same thread; nobody waits for anybody.
 */
#ifndef SIGPROF_HANDLER_THREADS_H
#define SIGPROF_HANDLER_THREADS_H

#include <stdint.h>

#include "handler/segment.h"
#include "handler/unwind.h"

/*
 * A timer's si_value: the tag (16 bits) | generation (24) | slot (24). No pointer of user space and no small number
 * looks like it. Slot 0 is the process timer.
 */
#define SP_COOKIE_TAG ((uint64_t)0x5350)

static inline uint64_t sp_cookie(uint32_t slot, uint32_t generation)
{
    return SP_COOKIE_TAG << 48 | (uint64_t)(generation & 0xffffff) << 24 | (slot & 0xffffff);
}

/* The CPU clock of thread `tid` (a tid of 0 is the caller's): Linux, include/linux/posix-timers_types.h. */
static inline int32_t sp_thread_clock(int32_t tid)
{
    return (int32_t)(~(uint32_t)tid << 3 | 6);
}

/* sp_thread_arm: somebody else is arming this thread, or one that shares its try-lock. */
#define SP_ARM_BUSY UINT32_MAX

/*
 * Gives thread `tid` of this process a slot and a CPU timer whose first expiration is random in (0, period]. `bounds`
 * is its stack, or NULL when not known. Never waits. Returns the slot; 0 when it has one already or the table is full
 * (counted); SP_ARM_BUSY: ordinary code tries again, a handler leaves it for the next signal.
 */
uint32_t sp_thread_arm(const struct sp_segment *segment, int32_t tid, const struct sp_stack_bounds *bounds);

/*
 * Gives the timer and the slot of a thread back. `name` (SP_THREAD_NAME_BYTES, or NULL) stays in the slot until it is
 * used again, so that the collector can still read it. `slot` 0 does nothing.
 */
void sp_thread_disarm(const struct sp_segment *segment, uint32_t slot, const char *name);

/* Deletes the timer of a slot, keeps the slot. */
void sp_thread_stop_timer(const struct sp_segment *segment, uint32_t slot);

/* Looks at `n` slots and disarms those whose thread is no more. `pid` is this process. */
void sp_thread_reap(const struct sp_segment *segment, int32_t pid, uint32_t n);

/* Moves the process timer's next expiration far enough ahead that it comes only when no known thread runs. */
void sp_process_timer_postpone(const struct sp_segment *segment, int32_t timer);

/* Creates the process timer with cookie slot 0 on this process's CPU clock: its id, or -errno. Not armed if -errno. */
int32_t sp_process_timer_start(const struct sp_segment *segment, uint32_t generation);

#endif
