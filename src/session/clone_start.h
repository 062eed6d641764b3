/*
 * clone(2) by libc's wrapper: a thread without pthread_create, or a process without fork.
 *
 * Place: session. Context: any thread; see clone_start.c for what the new one may do.
 */
#ifndef SIGPROF_SESSION_CLONE_START_H
#define SIGPROF_SESSION_CLONE_START_H

#include <sys/types.h>

typedef int sp_clone(int (*routine)(void *), void *stack, int flags, void *argument, ...);

/* What follows the first four arguments of clone(2). */
struct sp_clone_rest {
    pid_t *parent_tid;
    void *tls;
    pid_t *child_tid;
};

/*
 * clone(2) by way of `real`. A new thread announces itself before `routine` and gives its timer back after it; a new
 * process with memory of its own is what a forked one is. One that shares our memory, as vfork's, is left alone: what
 * it would change there is ours.
 */
int sp_session_clone(sp_clone *real, int (*routine)(void *), void *stack, int flags, void *argument,
                     const struct sp_clone_rest *rest);

#endif
