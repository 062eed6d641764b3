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

/*
 * Starts a thread with the bare system call: libc hears nothing of it. It shares its creator's thread-local storage, so
 * `run` keeps to what is declared here; when it returns, the thread ends. Returns its tid or -errno.
 */
static inline long raw_clone(unsigned long flags, void *stack_top, void (*run)(void *), void *argument)
{
#if defined(__x86_64__)
    long result;
    register long child_tid __asm__("r10") = 0;
    register long tls __asm__("r8") = 0;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t" /* the outermost frame */
                     "mov %[argument], %%rdi\n\t"
                     "call *%[run]\n\t"
                     "mov %[number_of_exit], %%eax\n\t"
                     "xor %%edi, %%edi\n\t"
                     "syscall\n"
                     "1:"
                     : "=a"(result)
                     : "a"((long)SYS_clone), "D"(flags), "S"(stack_top), "d"(0L), "r"(child_tid),
                       "r"(tls), [run] "r"(run), [argument] "r"(argument), [number_of_exit] "i"(SYS_exit)
                     : "rcx", "r11", "memory");
    return result;
#else
    register long x8 __asm__("x8") = SYS_clone;
    register long x0 __asm__("x0") = (long)flags;
    register long x1 __asm__("x1") = (long)stack_top;
    register long x2 __asm__("x2") = 0;
    register long x3 __asm__("x3") = 0;
    register long x4 __asm__("x4") = 0;
    __asm__ volatile("svc 0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x29, xzr\n\t" /* the outermost frame */
                     "mov x30, xzr\n\t"
                     "mov x0, %[argument]\n\t"
                     "blr %[run]\n\t"
                     "mov x8, %[number_of_exit]\n\t"
                     "mov x0, xzr\n\t"
                     "svc 0\n"
                     "1:"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3),
                       "r"(x4), [run] "r"(run), [argument] "r"(argument), [number_of_exit] "i"(SYS_exit)
                     : "memory");
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
