/*
 * The pace of a perf event: how often its signals come, so that they leave its thread time.
 *
 * Where signals take as long as the time between them, the thread gets nowhere: on virtual machines the kernel's timer
 * alone has been seen to take 30 µs. So above 10 000 Hz an event begins with 10 000, and doubles as long as its signals
 * are in time; where more than a fifth of them are late it goes back a step, and waits twice as long as before until it
 * tries again. Being late may also mean that the thread is in the kernel, where no signal comes. Whatever the pace, the
 * thread's clock says what a sample stands for.
 *
 * Place on the way of a sample: before it. Context: signal handler and any thread; for one slot no two calls overlap.
 */
#ifndef SIGPROF_HANDLER_PACE_H
#define SIGPROF_HANDLER_PACE_H

#include "handler/segment.h"

#pragma GCC visibility push(hidden) /* else clang calls by way of a register: see check_handler.py */

/* The pace that leaves every thread time. */
enum { SP_SAFE_PACE_NS = 100000 };

/* The pace of an event that is about to start, by the period that was asked for. */
void sp_pace_begin(struct sp_slot *at, uint64_t period_ns);

/* Makes the slot's pace the period of its event, if it has one. */
void sp_pace_set(const struct sp_slot *at);

/*
 * To be called by the thread at each signal of its event, with the periods that it owes: mends the pace, where more
 * than 10 000 samples a second were asked for.
 */
void sp_pace_keep(const struct sp_segment *segment, uint32_t slot, uint64_t owed);

#pragma GCC visibility pop

#endif
