/*
 * x86-64: see arch.h for what each name promises.
 *
 * Sources: the system call convention is that of the System V ABI, AMD64 supplement, A.2.1 (the kernel keeps all
 * registers but rax, rcx and r11); the frame record is {saved rbp, return address} at rbp.
 */
#ifndef SIGPROF_HANDLER_ARCH_X86_64_H
#define SIGPROF_HANDLER_ARCH_X86_64_H

#include <ucontext.h>

#define SP_ARCH_FRAME_ALIGN 8

static inline long sp_syscall4(long number, long a, long b, long c, long d)
{
    register long r10 __asm__("r10") = d;
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return result;
}

static inline void sp_arch_capture(const void *context, struct sp_registers *out)
{
    const greg_t *registers = ((const ucontext_t *)context)->uc_mcontext.gregs;
    out->pc = (uintptr_t)registers[REG_RIP];
    out->sp = (uintptr_t)registers[REG_RSP];
    out->fp = (uintptr_t)registers[REG_RBP];
    out->lr = 0;
}

static inline uintptr_t sp_arch_return_address(uintptr_t saved)
{
    return saved;
}

#endif
