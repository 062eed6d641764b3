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
 *   static inline void sp_arch_capture_self(struct sp_registers *out)
 *       those of the function that this is inlined into, with a pc as if it had made a call here.
 *   SP_ARCH_COLUMNS, SP_ARCH_SP, SP_ARCH_FP, SP_ARCH_RA
 *       how many of DWARF's register numbers are kept, at most 32, and which are the stack pointer, the frame pointer,
 *       and the return address.
 *   SP_ARCH_HAS_LINK_REGISTER
 *       1 where a call leaves the return address in a register, 0 where it pushes it.
 *   static inline uintptr_t sp_arch_column(const void *context, unsigned column)
 *       a register by DWARF's number out of a `ucontext_t`.
 *   SP_ARCH_CONTEXT_BYTES
 *       of a `ucontext_t`, as far as sp_arch_capture and sp_arch_column read.
 *   SP_ARCH_RESTORER_BYTES
 *   static inline bool sp_arch_is_restorer(const uint8_t *code)
 *       whether that many bytes of code are what a signal's handler returns to: the call of rt_sigreturn.
 *   static inline uintptr_t sp_arch_signal_context(uintptr_t sp)
 *       where the interrupted context is when a signal's handler has returned with this stack pointer.
 *   SP_ARCH_CFA_UNIT, SP_ARCH_CFA_BITS, SP_ARCH_SAVES_BITS
 *   static inline bool sp_arch_pack_saves(const int32_t *ra, const int32_t *fp, uint32_t *saves)
 *   static inline void sp_arch_unpack_saves(uintptr_t cfa, uint32_t saves, uintptr_t *ra_at, uintptr_t *fp_at)
 *       the usual places of return address and frame pointer, as a number below 1 << SP_ARCH_SAVES_BITS. `ra` and `fp`
 *       are offsets from the CFA in bytes, NULL: still in the register. False: not a usual place. Unpacking gives
 *       addresses, 0: still in the register. CFAs are multiples of SP_ARCH_CFA_UNIT, and those below
 *       SP_ARCH_CFA_UNIT << SP_ARCH_CFA_BITS from their register are usual.
 *   static inline uintptr_t sp_arch_return_address(uintptr_t saved)
 *       a return address as saved on the stack, without a pointer-authentication code.
 *   static inline bool sp_arch_is_call(const uint8_t bytes[8])
 *       whether the 8 bytes before an address end in a call instruction, as they do before a return address.
 *   static inline uintptr_t sp_arch_call_target(const uint8_t bytes[8], uintptr_t return_address)
 *       what such an instruction calls; 0: not a call, 1: a call whose target is in a register or in memory.
 *   static inline bool sp_arch_ends_in_nop(const uint8_t bytes[8])
 *       whether the 8 bytes before an address end in an instruction that does nothing.
 *   SP_ARCH_EPILOGUE_BYTES
 *   static inline bool sp_arch_read_epilogue(const uint8_t *code, struct sp_arch_epilogue *out)
 *       whether that many bytes of code do no more than give registers and stack back, and return; and then, in words
 *       above the stack pointer, where the return address and the saved frame pointer are.
 *   enum sp_arch_moment
 *   static inline enum sp_arch_moment sp_arch_moment(const uint8_t code[8])
 *       what the code around an interrupted pc, which is at code[4], tells of the frame: whether its return address is
 *       on top of the stack, or one word above; SP_ARCH_MOMENT_ANY: nothing.
 */
#ifndef SIGPROF_HANDLER_ARCH_ARCH_H
#define SIGPROF_HANDLER_ARCH_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sp_registers {
    uintptr_t pc;
    uintptr_t sp;
    uintptr_t fp;
    uintptr_t lr; /* the link register; 0 on CPUs that have none */
};

enum sp_arch_moment {
    SP_ARCH_MOMENT_ANY = 0,
    SP_ARCH_MOMENT_CALLED,   /* nothing is saved yet, or all is restored: the return address is as the call left it */
    SP_ARCH_MOMENT_FP_PUSHED /* the caller's frame pointer is saved on top, and still in the register */
};

struct sp_arch_epilogue {
    uint32_t ra_word, fp_word;
    bool has_fp; /* else it still is in the register */
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
