/*
 * close, close_range and closefrom, in front of libc's.
 *
 * Place: linked with interpose.c. To the host, a descriptor of ours is one that is not open. Context: any thread, also
 * in signal handlers; in the child of vfork, where descriptors are its own, nothing is ours.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "handler/order.h"
#include "session/own_descriptors.h"

#define PUBLIC __attribute__((visibility("default")))

typedef int close_one(int fd);

/* Looked up before main: these are called in signal handlers, where dlsym is not allowed. NULL: this libc has none. */
static _Atomic(close_one *) real_close;

__attribute__((constructor)) static void find_real_close(void)
{
    close_one *found;
    *(void **)&found = dlsym(RTLD_NEXT, "close");
    sp_store_relaxed(&real_close, found);
}

PUBLIC int close(int fd)
{
    if (sp_descriptor_is_ours(fd)) {
        errno = EBADF;
        return -1;
    }
    close_one *real = sp_load_relaxed(&real_close);
    return real != NULL ? real(fd) : (int)syscall(SYS_close, fd); /* in a constructor that is earlier than ours */
}

static int call_close_range(unsigned first, unsigned last, int flags)
{
    return (int)syscall(SYS_close_range, first, last, flags);
}

PUBLIC int close_range(unsigned first, unsigned last, int flags)
{
    return sp_descriptor_close_others(call_close_range, first, last, flags);
}

/* closefrom(3), glibc 2.34; where the kernel has no close_range(2), one by one. */
PUBLIC void closefrom(int low)
{
    const int first = low > 0 ? low : 0;
    if (close_range((unsigned)first, UINT_MAX, 0) == 0)
        return;
    const long limit = sysconf(_SC_OPEN_MAX);
    for (int fd = first; fd < limit; fd++)
        close(fd);
}
