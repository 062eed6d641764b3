/*
 * pthread_create, and what sets SIGPROF's disposition, in front of libc's.
 *
 * Place: linked into the preload library and libsigprof.so, not into libsigprof.a (a static program has one
 * pthread_create only; there the backstop finds threads). C11's thrd_create and C++'s std::thread come by here too,
 * where libc or libstdc++ call it by name; those that do not are found by the backstop. sigaction and signal for other
 * signals go straight through. Context: any thread; sigaction and signal also in signal handlers.
 */
#include <dlfcn.h>
#include <errno.h>

#include "handler/order.h"
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

/* Looked up before main: signal(2) may be called in a signal handler, dlsym may not. */
static _Atomic(set_handler *) real_signal;

__attribute__((constructor)) static void find_real_signal(void)
{
    set_handler *real;
    *(void **)&real = dlsym(RTLD_NEXT, "signal");
    sp_store_relaxed(&real_signal, real);
}

PUBLIC sighandler_t signal(int signal_number, sighandler_t handler)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART}, before;
    sigaddset(&action.sa_mask, SIGPROF);
    if (signal_number == SIGPROF && handler != SIG_ERR && sp_host_sigaction(&action, &before))
        return before.sa_handler;
    if (sp_load_relaxed(&real_signal) == NULL) /* another library's constructor, earlier than ours */
        find_real_signal();
    return sp_load_relaxed(&real_signal)(signal_number, handler);
}
