/*
 * A thread begins, a thread ends.
 *
 * Place: session. Context: ordinary code of the thread in question.
 */
#ifndef SIGPROF_SESSION_THREAD_START_H
#define SIGPROF_SESSION_THREAD_START_H

#include <pthread.h>

#include "session/bare_thread.h"

typedef int sp_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*routine)(void *),
                              void *argument);

/*
 * Arms the calling thread, which starts the session, with the bounds of its stack. The main thread's account may go on
 * from another one (struct sp_session_config). Nothing happens when it is armed, or no session runs.
 */
void sp_session_arm_self(void);

/*
 * What a thread does that begins under a session, at `start_routine`: it arms itself, and lets samples through.
 * `stack_bytes`: what it can at least use of a stack that libc made for it; 0: not known. Returns where it stands.
 */
struct sp_thread_place sp_session_begin_thread(uintptr_t start_routine, size_t stack_bytes);

/* What a thread does that is not to be left with SIGPROF blocked by inheritance. */
void sp_session_let_samples_through(void);

/* pthread_create(3) by way of `real`: the new thread arms itself before `routine` and gives its timer back after it. */
int sp_session_pthread_create(sp_pthread_create *real, pthread_t *thread, const pthread_attr_t *attributes,
                              void *(*routine)(void *), void *argument);

#endif
