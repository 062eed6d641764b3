/*
 * System calls without libc: what a thread may use that has another's thread-local storage, or none.
 */
#ifndef SIGPROF_TESTS_RAW_THREAD_H
#define SIGPROF_TESTS_RAW_THREAD_H

#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

static inline long raw_call(long number, long a, long b, long c)
{
#if defined(__x86_64__)
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
#else
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
#endif
}

/* CPU time of the calling thread. */
static inline int64_t raw_thread_cpu_ns(void)
{
    struct timespec now;
    raw_call(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, (long)(uintptr_t)&now, 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif
