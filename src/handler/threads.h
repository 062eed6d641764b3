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

#pragma GCC visibility push(hidden) /* else clang calls by way of a register: see check_handler.py */

/*
 * A timer's si_value: the tag (16 bits) | generation (24) | slot (24). No pointer of user space and no small number
 * looks like it. Slot 0 is the process timer.
 */
#define SP_COOKIE_TAG ((uint64_t)0x5350)

static inline uint64_t sp_cookie(uint32_t slot, uint32_t generation)
{
    return SP_COOKIE_TAG << 48 | (uint64_t)(generation & 0xffffff) << 24 | (slot & 0xffffff);
}

/* sp_thread_arm: somebody else is arming this thread, or one that shares its try-lock. */
#define SP_ARM_BUSY UINT32_MAX

/* What is known of a thread that is to be armed. */
struct sp_birth {
    struct sp_stack_bounds stack; /* 0, 0: not known */
    uintptr_t start_routine;      /* its address, which gets what the thread still owes at its end; 0: not known */
    bool is_self;                 /* it is the calling thread */
    bool is_from_now;             /* its CPU time counts from now on; else from its first nanosecond */
    bool is_continued;            /* its account goes on from these, as in struct sp_slot */
    int64_t base_ns;
    uint64_t seen;
};

/*
 * Gives thread `tid` of this process a slot with an account, and a trigger. `birth` NULL: nothing is known. Never
 * waits. Returns the slot; 0 when it has one already (of itself the thread gets that one, which then knows what `birth`
 * does) or the table is full (counted); SP_ARM_BUSY: ordinary code tries
 * again, a handler leaves it for the next signal.
 */
uint32_t sp_thread_arm(const struct sp_segment *segment, int32_t tid, const struct sp_birth *birth);

/* Who disarms a thread. */
enum sp_end {
    SP_END_SELF = 0, /* the thread itself, at its end */
    SP_END_OTHER,    /* who ends the session */
    SP_END_GONE,     /* the thread is no more: there is no clock to settle its account by */
};

/*
 * Gives the trigger and the slot of a thread back and, unless it is gone, settles its account (account.h), counted in
 * `stripe`. A thread that has samples leaves its name in the slot until that is used again, so that the collector can
 * still read it. `slot` 0 does nothing.
 */
void sp_thread_disarm(const struct sp_segment *segment, uint32_t slot, enum sp_end end, struct sp_stripe *stripe);

/* Disarms the thread of `slot` if it is no more. `pid` is this process. */
void sp_thread_reap(const struct sp_segment *segment, int32_t pid, uint32_t slot);

/* The same for the next `n` slots of those in use. */
void sp_thread_reap_some(const struct sp_segment *segment, int32_t pid, uint32_t n);

#pragma GCC visibility pop

#endif
