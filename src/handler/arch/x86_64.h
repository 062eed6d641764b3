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

__attribute__((always_inline)) static inline void sp_arch_capture_self(struct sp_registers *out)
{
    __asm__ volatile("lea 0(%%rip), %0\n\tmov %%rsp, %1\n\tmov %%rbp, %2"
                     : "=&r"(out->pc), "=&r"(out->sp), "=&r"(out->fp));
    out->lr = 0;
}

/* System V ABI, AMD64 supplement, figure 3.36: DWARF's register numbers. */
#define SP_ARCH_COLUMNS 17
#define SP_ARCH_SP 7
#define SP_ARCH_FP 6
#define SP_ARCH_RA 16
#define SP_ARCH_HAS_LINK_REGISTER 0

static inline uintptr_t sp_arch_column(const void *context, unsigned column)
{
    static const uint8_t places[SP_ARCH_COLUMNS] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                                    REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                                    REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
    return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[places[column]];
}

#define SP_ARCH_CONTEXT_BYTES (offsetof(ucontext_t, uc_mcontext.gregs) + (REG_RIP + 1) * sizeof(greg_t))

/* mov $15, %rax or %eax; syscall. What the kernel pushed lies above: the handler's ret has taken the return address. */
#define SP_ARCH_RESTORER_BYTES 9

static inline bool sp_arch_is_restorer(const uint8_t *code)
{
    static const uint8_t wide[9] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05};
    static const uint8_t narrow[7] = {0xb8, 15, 0, 0, 0, 0x0f, 0x05};
    bool is_wide = true, is_narrow = true;
    for (unsigned i = 0; i < sizeof wide; i++)
        is_wide = is_wide && code[i] == wide[i];
    for (unsigned i = 0; i < sizeof narrow; i++)
        is_narrow = is_narrow && code[i] == narrow[i];
    return is_wide || is_narrow;
}

static inline uintptr_t sp_arch_signal_context(uintptr_t sp)
{
    return sp;
}

#define SP_ARCH_CFA_UNIT 8
#define SP_ARCH_CFA_BITS 13
#define SP_ARCH_SAVES_BITS 6

/* The call pushed the return address; the frame pointer is `saves` + 1 words below the CFA, 0: in the register. */
static inline bool sp_arch_pack_saves(const int32_t *ra, const int32_t *fp, uint32_t *saves)
{
    if (ra == NULL || *ra != -8 || (fp != NULL && (*fp % 8 != 0 || *fp > -16 || *fp < -8 * 64)))
        return false;
    *saves = fp == NULL ? 0 : (uint32_t)(-*fp / 8 - 1);
    return true;
}

static inline void sp_arch_unpack_saves(uintptr_t cfa, uint32_t saves, uintptr_t *ra_at, uintptr_t *fp_at)
{
    *ra_at = cfa - 8;
    *fp_at = saves == 0 ? 0 : cfa - 8 * (uintptr_t)(saves + 1);
}

/* Intel SDM, volume 2: C3 and C2 are RET, 55 is PUSH RBP, 48 89 E5 or 48 8B EC MOV RBP, RSP, F3 0F 1E FA ENDBR64. */
static inline enum sp_arch_moment sp_arch_moment(const uint8_t code[8])
{
    const uint8_t *at = code + 4;
    if (at[0] == 0xc3 || at[0] == 0xc2 || at[0] == 0x55 || (at[0] == 0xf3 && at[1] == 0x0f && at[2] == 0x1e))
        return SP_ARCH_MOMENT_CALLED;
    const bool copies = at[0] == 0x48 && ((at[1] == 0x89 && at[2] == 0xe5) || (at[1] == 0x8b && at[2] == 0xec));
    return copies && at[-1] == 0x55 ? SP_ARCH_MOMENT_FP_PUSHED : SP_ARCH_MOMENT_ANY;
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
        const bool has_base32 = mode == 2 || is_absolute || (has_sib && mode == 0 && length > 2 && (at[2] & 7) == 5);
        if (at[0] == 0xff && (modrm >> 3 & 7) == 2 &&
            length == 2 + has_sib + (mode == 1 ? 1u : 0u) + (has_base32 ? 4u : 0u))
            return true;
    }
    return false;
}

/* Intel SDM, volume 2: 90 is NOP. */
static inline bool sp_arch_ends_in_nop(const uint8_t bytes[8])
{
    return bytes[7] == 0x90;
}

static inline uintptr_t sp_arch_call_target(const uint8_t bytes[8], uintptr_t return_address)
{
    const uint32_t distance =
        (uint32_t)bytes[4] | (uint32_t)bytes[5] << 8 | (uint32_t)bytes[6] << 16 | (uint32_t)bytes[7] << 24;
    if (bytes[3] == 0xe8)
        return return_address + (uintptr_t)(intptr_t)(int32_t)distance;
    return sp_arch_is_call(bytes) ? 1 : 0;
}

/* Intel SDM, volume 2: 58+r and 41 58+r are POP, 48 83 C4 ib and 48 81 C4 id ADD to RSP, C3 is RET. */
#define SP_ARCH_EPILOGUE_BYTES 24

static inline bool sp_arch_read_epilogue(const uint8_t *code, struct sp_arch_epilogue *out)
{
    *out = (struct sp_arch_epilogue){.ra_word = 0};
    for (unsigned at = 0; at + 7 <= SP_ARCH_EPILOGUE_BYTES;) {
        const uint8_t *op = code + at;
        if (op[0] == 0xc3)
            return true;
        if (op[0] == 0x48 && (op[1] == 0x83 || op[1] == 0x81) && op[2] == 0xc4) {
            const bool is_short = op[1] == 0x83;
            const uint32_t bytes = is_short ? op[3] : (uint32_t)op[3] | (uint32_t)op[4] << 8 | (uint32_t)op[5] << 16;
            if (bytes % 8 != 0 || (is_short && bytes > 127) || (!is_short && op[6] != 0))
                return false;
            out->ra_word += bytes / 8;
            at += is_short ? 4 : 7;
        } else {
            const bool is_extended = op[0] == 0x41;
            if ((op[is_extended] & 0xf8) != 0x58 || (!is_extended && op[0] == 0x5c)) /* pop %rsp does something else */
                return false;
            if (op[0] == 0x5d) {
                out->has_fp = true;
                out->fp_word = out->ra_word;
            }
            out->ra_word++;
            at += 1 + is_extended;
        }
    }
    return false;
}

#endif
