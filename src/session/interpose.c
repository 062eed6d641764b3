/*
 * What makes threads and processes, and what sets SIGPROF's disposition, in front of libc's.
 *
 * Place: linked into the preload library and libsigprof.so, not into libsigprof.a (a static program has one
 * pthread_create only; there the backstop finds threads). C11's thrd_create and C++'s std::thread come by here too,
 * where libc or libstdc++ call it by name; those that do not are found by the backstop. sigaction and signal for other
 * signals go straight through. fork needs none (session/fork.h); _Fork and clone do not run what that registers.
 * Context: any thread; sigaction, signal, _Fork and _exit also in signal handlers.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "handler/order.h"
#include "session/bare_thread.h"
#include "session/clone_start.h"
#include "session/fork.h"
#include "session/host_handler.h"
#include "session/thread_start.h"

#define PUBLIC __attribute__((visibility("default")))

extern int __sigaction(int signal_number, const struct sigaction *action, struct sigaction *before);

static sp_pthread_create *find_real(void)
{
    static _Atomic(sp_pthread_create *) known;
    sp_pthread_create *real = sp_load_relaxed(&known);
    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
        sp_store_relaxed(&known, real);
    }
    return real;
}

PUBLIC int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*routine)(void *), void *argument)
{
    sp_pthread_create *real = find_real();
    if (real == NULL)
        return EAGAIN;
    return sp_session_pthread_create(real, thread, attributes, routine, argument);
}

PUBLIC int sigaction(int signal_number, const struct sigaction *action, struct sigaction *before)
{
    if (signal_number == SIGPROF && sp_host_sigaction(action, before))
        return 0;
    return __sigaction(signal_number, action, before);
}

typedef sighandler_t set_handler(int signal_number, sighandler_t handler);
typedef pid_t fork_alone(void);
typedef void end_process(int status);

/* Looked up before main: these may be called in a signal handler, dlsym may not. */
static struct {
    _Atomic(set_handler *) signal;
    _Atomic(fork_alone *) fork_alone;
    _Atomic(end_process *) end_process;
    _Atomic(sp_clone *) clone;
    _Atomic uint32_t are_known;
} real;

__attribute__((constructor)) static void find_real_functions(void)
{
    set_handler *real_signal;
    fork_alone *real_fork;
    end_process *real_end;
    sp_clone *real_clone;
    *(void **)&real_signal = dlsym(RTLD_NEXT, "signal");
    *(void **)&real_fork = dlsym(RTLD_NEXT, "_Fork");
    *(void **)&real_end = dlsym(RTLD_NEXT, "_exit");
    *(void **)&real_clone = dlsym(RTLD_NEXT, "clone");
    sp_store_relaxed(&real.signal, real_signal);
    sp_store_relaxed(&real.fork_alone, real_fork);
    sp_store_relaxed(&real.end_process, real_end);
    sp_store_relaxed(&real.clone, real_clone);
    sp_store_release(&real.are_known, 1u);
}

/* They are not known yet in another library's constructor that runs earlier than ours. */
static void know_real_functions(void)
{
    if (sp_load_acquire(&real.are_known) == 0)
        find_real_functions();
}

PUBLIC sighandler_t signal(int signal_number, sighandler_t handler)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART}, before;
    sigaddset(&action.sa_mask, SIGPROF);
    if (signal_number == SIGPROF && handler != SIG_ERR && sp_host_sigaction(&action, &before))
        return before.sa_handler;
    know_real_functions();
    return sp_load_relaxed(&real.signal)(signal_number, handler);
}

/* fork(3) without the functions of pthread_atfork (glibc ≥ 2.34). */
PUBLIC pid_t _Fork(void)
{
    struct sp_fork fork;
    know_real_functions();
    fork_alone *real_fork = sp_load_relaxed(&real.fork_alone);
    if (real_fork == NULL) {
        errno = ENOSYS;
        return -1;
    }
    sp_fork_before(&fork);
    const pid_t pid = real_fork();
    if (pid == 0)
        sp_fork_in_child(&fork);
    else
        sp_fork_in_parent(&fork);
    return pid;
}

PUBLIC int clone(int (*routine)(void *), void *stack, int flags, void *argument, ...)
{
    struct sp_clone_rest rest;
    va_list arguments;
    va_start(arguments, argument);
    rest.parent_tid = va_arg(arguments, pid_t *);
    rest.tls = va_arg(arguments, void *);
    rest.child_tid = va_arg(arguments, pid_t *);
    va_end(arguments);
    know_real_functions();
    return sp_session_clone(sp_load_relaxed(&real.clone), routine, stack, flags, argument, &rest);
}

/* The end without destructors: what the thread still owes would be lost. After vfork, the process is not ours. */
PUBLIC void _exit(int status)
{
    sp_session_end_caller(NULL, 0);
    know_real_functions();
    end_process *end = sp_load_relaxed(&real.end_process);
    if (end != NULL)
        end(status);
    for (;;)
        syscall(SYS_exit_group, status);
}

PUBLIC void _Exit(int status)
{
    _exit(status);
}
