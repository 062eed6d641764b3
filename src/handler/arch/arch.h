/*
 * What differs between CPUs, under the same names: one header here per CPU implements this one.
 *
 * Place: the bottom of the handler. Context: signal handler and any thread; nothing here keeps state, so all calls may
 * overlap with all others.
 *
 * Each CPU's header defines:
 *
 *   SP_ARCH_FRAME_ALIGN
 *       the alignment in bytes that the ABI gives a frame record (the saved frame pointer and return address).
 *   static inline long sp_syscall5(long number, long a, long b, long c, long d, long e)
 *       a system call. Returns its result, or -errno. errno is not touched.
 *   static inline void sp_arch_capture(const void *context, struct sp_registers *out)
 *       the interrupted registers out of the `ucontext_t` that the kernel gave the handler.
 *   static inline uintptr_t sp_arch_return_address(uintptr_t saved)
 *       a return address as saved on the stack, without a pointer-authentication code.
 *   static inline bool sp_arch_is_call(const uint8_t bytes[8])
 *       whether the 8 bytes before an address end in a call instruction, as they do before a return address.
 */
#ifndef SIGPROF_HANDLER_ARCH_ARCH_H
#define SIGPROF_HANDLER_ARCH_ARCH_H

#include <stdbool.h>
#include <stdint.h>

struct sp_registers {
    uintptr_t pc;
    uintptr_t sp;
    uintptr_t fp;
    uintptr_t lr; /* the link register; 0 on CPUs that have none */
};

#if defined(__x86_64__)
#include "handler/arch/x86_64.h"
#elif defined(__aarch64__)
#include "handler/arch/aarch64.h"
#else
#error "sigprof runs on x86-64 and aarch64"
#endif

static inline long sp_syscall4(long number, long a, long b, long c, long d)
{
    return sp_syscall5(number, a, b, c, d, 0);
}

#endif
