/*
 * pthread_create, in front of libc's.
 *
 * Place: linked into the preload library and libsigprof.so, not into libsigprof.a (a static program has one
 * pthread_create only; there the backstop finds threads). C11's thrd_create and C++'s std::thread come by here too,
 * where libc or libstdc++ call it by name; those that do not are found by the backstop. Context: any thread.
 */
#include <dlfcn.h>
#include <errno.h>

#include "handler/order.h"
#include "session/thread_start.h"

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

__attribute__((visibility("default"))) int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                                                          void *(*routine)(void *), void *argument)
{
    sp_pthread_create *real = find_real();
    if (real == NULL)
        return EAGAIN;
    return sp_session_pthread_create(real, thread, attributes, routine, argument);
}
