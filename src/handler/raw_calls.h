/*
 * The few system calls that the handler makes, with their argument types.
 *
 * Place: handler, above arch/. Context: signal handler and any thread; no state, all calls may overlap. Each returns
 * its result or -errno. libc's wrappers are not used: they write errno, some are cancellation points, and a raw clone
 * thread may have no valid TLS to keep errno in.
 */
#ifndef SIGPROF_HANDLER_RAW_CALLS_H
#define SIGPROF_HANDLER_RAW_CALLS_H

#include <asm/unistd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "handler/arch/arch.h"

static inline int32_t sp_raw_thread_id(void)
{
    return (int32_t)sp_syscall4(__NR_gettid, 0, 0, 0, 0);
}

static inline int32_t sp_raw_process_id(void)
{
    return (int32_t)sp_syscall4(__NR_getpid, 0, 0, 0, 0);
}

/* 0 when thread `tid` of process `pid` exists, -ESRCH when it does not. Sends nothing. */
static inline long sp_raw_thread_exists(int32_t pid, int32_t tid)
{
    return sp_syscall4(__NR_tgkill, pid, tid, 0, 0);
}

/*
 * Gives the calling thread `tid` of process `pid` a signal with siginfo of its choice. To itself a thread may send any
 * (Linux, kernel/signal.c, do_rt_tgsigqueueinfo).
 */
static inline long sp_raw_signal_self(int32_t pid, int32_t tid, const siginfo_t *info)
{
    return sp_syscall4(__NR_rt_tgsigqueueinfo, pid, tid, info->si_signo, (long)info);
}

static inline long sp_raw_timer_create(clockid_t clock, const struct sigevent *event, int32_t *timer)
{
    return sp_syscall4(__NR_timer_create, clock, (long)event, (long)timer, 0);
}

/* `flags`: 0 or TIMER_ABSTIME. */
static inline long sp_raw_timer_settime(int32_t timer, int flags, const struct itimerspec *when)
{
    return sp_syscall4(__NR_timer_settime, timer, flags, (long)when, 0);
}

/* The reading of a CPU clock in ns, or 0 when there is no such clock (any more). */
static inline uint64_t sp_raw_clock_ns(clockid_t clock)
{
    struct timespec now;
    if (sp_syscall4(__NR_clock_gettime, clock, (long)&now, 0, 0) < 0)
        return 0;
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline long sp_raw_timer_delete(int32_t timer)
{
    return sp_syscall4(__NR_timer_delete, timer, 0, 0, 0);
}

struct perf_event_attr;

/* On any CPU, in no group. */
static inline long sp_raw_perf_event_open(const struct perf_event_attr *attr, int32_t tid, unsigned long flags)
{
    return sp_syscall5(__NR_perf_event_open, (long)attr, tid, -1, -1, (long)flags);
}

static inline long sp_raw_fcntl(int fd, int command, long argument)
{
    return sp_syscall4(__NR_fcntl, fd, command, argument, 0);
}

static inline long sp_raw_ioctl(int fd, unsigned long request, long argument)
{
    return sp_syscall4(__NR_ioctl, fd, (long)request, argument, 0);
}

static inline long sp_raw_close(int fd)
{
    return sp_syscall4(__NR_close, fd, 0, 0, 0);
}

static inline long sp_raw_prctl(int option, long argument)
{
    return sp_syscall4(__NR_prctl, option, argument, 0, 0);
}

/* madvise(2); MADV_POPULATE_WRITE (Linux 5.14) makes pages present. */
static inline long sp_raw_madvise(void *address, size_t bytes, int advice)
{
    return sp_syscall4(__NR_madvise, (long)address, (long)bytes, advice, 0);
}

static inline void sp_raw_yield(void)
{
    sp_syscall4(__NR_sched_yield, 0, 0, 0, 0);
}

static inline long sp_raw_signal_mask(uint64_t mask)
{
    return sp_syscall4(__NR_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, sizeof mask);
}

/*
 * Whether the 8 bytes at `address` can be read, without reading them ourselves. rt_sigprocmask(2) copies the new mask
 * in before it looks at `how`, so an impossible `how` gives -EINVAL for readable memory and -EFAULT otherwise, and
 * never changes the mask (Linux, kernel/signal.c). About 140 ns.
 */
static inline bool sp_raw_is_readable(uintptr_t address)
{
    enum { IMPOSSIBLE_HOW = 0x7fff };
    return sp_syscall4(__NR_rt_sigprocmask, IMPOSSIBLE_HOW, (long)address, 0, sizeof(uint64_t)) == -22 /* EINVAL */;
}

#endif
