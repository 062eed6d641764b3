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

__attribute__((always_inline)) static inline void sp_arch_capture_self(struct sp_registers *out)
{
    __asm__ volatile("adr %0, .+4\n\tmov %1, sp\n\tmov %2, x29" : "=&r"(out->pc), "=&r"(out->sp), "=&r"(out->fp));
    out->lr = 0;
}

/* DWARF for the Arm 64-bit Architecture, 4.1: x0 to x30, and 31 for sp. The pc has no number. */
#define SP_ARCH_COLUMNS 32
#define SP_ARCH_SP 31
#define SP_ARCH_FP 29
#define SP_ARCH_RA 30
#define SP_ARCH_HAS_LINK_REGISTER 1

static inline uintptr_t sp_arch_column(const void *context, unsigned column)
{
    const mcontext_t *machine = &((const ucontext_t *)context)->uc_mcontext;
    return (uintptr_t)(column == SP_ARCH_SP ? machine->sp : machine->regs[column]);
}

#define SP_ARCH_CONTEXT_BYTES (offsetof(ucontext_t, uc_mcontext.pc) + sizeof(uint64_t))

/* mov x8, #139; svc #0. The kernel put a siginfo_t of 128 bytes and then the context on the stack. */
#define SP_ARCH_RESTORER_BYTES 8

static inline bool sp_arch_is_restorer(const uint8_t *code)
{
    static const uint8_t restorer[8] = {0x68, 0x11, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4};
    for (unsigned i = 0; i < sizeof restorer; i++)
        if (code[i] != restorer[i])
            return false;
    return true;
}

static inline uintptr_t sp_arch_signal_context(uintptr_t sp)
{
    return sp + 128;
}

#define SP_ARCH_CFA_UNIT 16
#define SP_ARCH_CFA_BITS 9
#define SP_ARCH_SAVES_BITS 10

/* A frame record {x29, x30} is `saves` words below the CFA; 0: both are in the registers. */
static inline bool sp_arch_pack_saves(const int32_t *ra, const int32_t *fp, uint32_t *saves)
{
    *saves = 0;
    if (ra == NULL && fp == NULL)
        return true;
    if (ra == NULL || fp == NULL || *ra != *fp + 8 || *fp % 8 != 0 || *fp > -16 || *fp <= -8 * 1024)
        return false;
    *saves = (uint32_t)(-*fp / 8);
    return true;
}

static inline void sp_arch_unpack_saves(uintptr_t cfa, uint32_t saves, uintptr_t *ra_at, uintptr_t *fp_at)
{
    *fp_at = saves == 0 ? 0 : cfa - 8 * (uintptr_t)saves;
    *ra_at = saves == 0 ? 0 : *fp_at + 8;
}

/* An instruction as it lies in memory: little-endian, whatever the data are. */
static inline uint32_t sp_arch_instruction(const uint8_t bytes[4])
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Arm ARM, C6.2: RET and its authenticating forms. Where the frame record is being made, x29 still is the caller's. */
static inline enum sp_arch_moment sp_arch_moment(const uint8_t code[8])
{
    const uint32_t instruction = sp_arch_instruction(code + 4);
    return instruction == 0xd65f03c0 || instruction == 0xd65f0bff || instruction == 0xd65f0fff ? SP_ARCH_MOMENT_CALLED
                                                                                               : SP_ARCH_MOMENT_ANY;
}

/* Arm ARM, C6.2: BL label is 100101 imm26; BLR and its authenticating forms are 1101011x 0011 1111. */
static inline bool sp_arch_is_call(const uint8_t bytes[8])
{
    const uint32_t instruction = sp_arch_instruction(bytes + 4);
    return instruction >> 26 == 0x25 || (instruction & 0xfefff000) == 0xd63f0000;
}

/* Arm ARM, C6.2: NOP is d503201f; what Go's assembler takes for one is MOV X0, X0, aa0003e0. */
static inline bool sp_arch_ends_in_nop(const uint8_t bytes[8])
{
    const uint32_t instruction = sp_arch_instruction(bytes + 4);
    return instruction == 0xd503201f || instruction == 0xaa0003e0;
}

static inline uintptr_t sp_arch_call_target(const uint8_t bytes[8], uintptr_t return_address)
{
    const uint32_t instruction = sp_arch_instruction(bytes + 4);
    if (instruction >> 26 == 0x25) /* the distance is signed, of 26 bits, in instructions, and from the call itself */
        return return_address - 4 + (uintptr_t)((intptr_t)(int32_t)(instruction << 6) >> 4);
    return sp_arch_is_call(bytes) ? 1 : 0;
}

/* Not read: there, frame records are the rule. */
#define SP_ARCH_EPILOGUE_BYTES 16

static inline bool sp_arch_read_epilogue(const uint8_t *code, struct sp_arch_epilogue *out)
{
    (void)code;
    (void)out;
    return false;
}

#endif
