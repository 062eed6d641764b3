/*
 * aarch64: see arch.h for what each name promises.
 *
 * Sources: AAPCS64 6.4.6 (the frame record is {saved x29, saved x30} at x29, 16-byte aligned); a pointer-authentication
 * code sits in the bits above the virtual address, bit 55 tells user from kernel addresses (Arm ARM, D8.8).
 */
#ifndef SIGPROF_HANDLER_ARCH_AARCH64_H
#define SIGPROF_HANDLER_ARCH_AARCH64_H

#include <ucontext.h>

#define SP_ARCH_FRAME_ALIGN 8

static inline long sp_syscall5(long number, long a, long b, long c, long d, long e)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
}

static inline uintptr_t sp_arch_return_address(uintptr_t saved)
{
    return saved & (((uintptr_t)1 << 48) - 1);
}

static inline void sp_arch_capture(const void *context, struct sp_registers *out)
{
    const mcontext_t *machine = &((const ucontext_t *)context)->uc_mcontext;
    out->pc = (uintptr_t)machine->pc;
    out->sp = (uintptr_t)machine->sp;
    out->fp = (uintptr_t)machine->regs[29];
    out->lr = sp_arch_return_address((uintptr_t)machine->regs[30]);
}

/* Arm ARM, C6.2: BL label is 100101 imm26; BLR and its authenticating forms are 1101011x 0011 1111. */
static inline bool sp_arch_is_call(const uint8_t bytes[8])
{
    const uint32_t instruction =
        (uint32_t)bytes[4] | (uint32_t)bytes[5] << 8 | (uint32_t)bytes[6] << 16 | (uint32_t)bytes[7] << 24;
    return instruction >> 26 == 0x25 || (instruction & 0xfefff000) == 0xd63f0000;
}

#endif
