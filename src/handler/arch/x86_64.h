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

static inline long sp_syscall5(long number, long a, long b, long c, long d, long e)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
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

/* Intel SDM, volume 2, CALL: E8 rel32, or FF /2 with a ModRM byte and 0 to 5 bytes behind it. */
static inline bool sp_arch_is_call(const uint8_t bytes[8])
{
    if (bytes[3] == 0xe8)
        return true;
    for (unsigned length = 2; length <= 7; length++) {
        const uint8_t *at = bytes + 8 - length, modrm = at[1];
        const unsigned mode = modrm >> 6, has_sib = mode != 3 && (modrm & 7) == 4;
        const bool is_absolute = mode == 0 && (modrm & 7) == 5;
        const bool has_base32 = mode == 2 || is_absolute || (has_sib && mode == 0 && (at[2] & 7) == 5);
        if (at[0] == 0xff && (modrm >> 3 & 7) == 2 &&
            length == 2 + has_sib + (mode == 1 ? 1u : 0u) + (has_base32 ? 4u : 0u))
            return true;
    }
    return false;
}

#endif
