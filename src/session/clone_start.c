/*
 * The start of a thread or a process that clone(2) makes.
 *
 * Place: see clone_start.h. Context: sigprof_clone_thread runs on a thread that may share its creator's thread-local
 * storage or have none; see bare_thread.h for what that means.
 */
#include "session/clone_start.h"

#include <sched.h>
#include <stdint.h>

#include "handler/entry.h"
#include "session/bare_thread.h"
#include "session/fork.h"

struct start {
    int (*routine)(void *);
    void *argument;
    struct sp_fork fork; /* of a process */
};

/* How far down the stack reaches is not known: the bounds stay empty. One that ends otherwise is found by the reaper.
 */
static int sigprof_clone_thread(void *argument)
{
    const struct start *start = argument;
    const struct sp_birth birth = {.start_routine = (uintptr_t)start->routine, .is_self = true};
    const struct sp_thread_place place = sp_session_arm_caller(&birth);
    const int result = start->routine(start->argument);
    sp_session_end_caller(&place, (uintptr_t)start->routine);
    return result;
}

static int sigprof_clone_process(void *argument)
{
    const struct start *start = argument;
    sp_fork_in_child(&start->fork);
    return start->routine(start->argument);
}

/* What the thread needs to know stands at the top of its stack: no other memory lives exactly as long. */
static int clone_thread(sp_clone *real, void *stack, int flags, const struct start *start,
                        const struct sp_clone_rest *rest)
{
    struct start *top = (struct start *)(((uintptr_t)stack - sizeof *top) & ~(uintptr_t)15);
    *top = *start;
    return real(sigprof_clone_thread, top, flags, top, rest->parent_tid, rest->tls, rest->child_tid);
}

/* Our own frame will do: the child has a copy of it. */
static int clone_process(sp_clone *real, void *stack, int flags, struct start *start, const struct sp_clone_rest *rest)
{
    sp_fork_before(&start->fork);
    const int pid = real(sigprof_clone_process, stack, flags, start, rest->parent_tid, rest->tls, rest->child_tid);
    sp_fork_in_parent(&start->fork);
    return pid;
}

int sp_session_clone(sp_clone *real, int (*routine)(void *), void *stack, int flags, void *argument,
                     const struct sp_clone_rest *rest)
{
    struct start start = {.routine = routine, .argument = argument};
    const bool is_running = sp_load_relaxed(&sp_handler.state) == SP_SESSION_RUNNING;
    if (is_running && routine != NULL && stack != NULL && (flags & CLONE_THREAD) != 0)
        return clone_thread(real, stack, flags, &start, rest);
    if (is_running && routine != NULL && (flags & (CLONE_THREAD | CLONE_VM)) == 0)
        return clone_process(real, stack, flags, &start, rest);
    return real(routine, stack, flags, argument, rest->parent_tid, rest->tls, rest->child_tid);
}
