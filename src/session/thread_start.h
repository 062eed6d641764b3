/*
 * A thread begins, a thread ends.
 *
 * Place: session. Context: ordinary code of the thread in question.
 */
#ifndef SIGPROF_SESSION_THREAD_START_H
#define SIGPROF_SESSION_THREAD_START_H

#include <pthread.h>

#include "handler/unwind.h"

typedef int sp_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*routine)(void *),
                              void *argument);

/* sp_thread_arm, waiting where it is busy. While a session runs, in ordinary code. */
uint32_t sp_session_arm(int32_t tid, const struct sp_stack_bounds *bounds);

/* Gives the calling thread a timer, with the bounds of its stack. Nothing happens when it has one, or no session runs.
 */
void sp_session_arm_self(void);

/* What a thread does that begins under a session: it arms itself, and is not left with SIGPROF blocked by inheritance.
 */
void sp_session_begin_thread(void);

/* pthread_create(3) by way of `real`: the new thread arms itself before `routine` and gives its timer back after it. */
int sp_session_pthread_create(sp_pthread_create *real, pthread_t *thread, const pthread_attr_t *attributes,
                              void *(*routine)(void *), void *argument);

#endif
