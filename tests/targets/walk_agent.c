/*
 * A library to preload into a program that a debugger holds: it walks the stack from registers that the debugger has
 * written into it, in the program itself, with the handler's own code. For script/agree-with-gdb.
 *
 * The debugger fills in walk_agent_registers and the bounds, calls walk_agent_walk() and reads walk_agent_pcs. The call
 * runs below the interrupted stack, which the walk only reads.
 */
#include "handler/unwind.h"

#define EXPORT __attribute__((visibility("default")))

enum { DEPTH = SP_DEPTH_LIMIT };

/* What the debugger writes. x86-64: by DWARF's numbers, 16 is the pc. */
EXPORT uint64_t walk_agent_registers[33];
EXPORT uint64_t walk_agent_stack_high; /* the end of the stack that the stack pointer is in; 0: not known */

/* What it reads. */
EXPORT uint64_t walk_agent_pcs[DEPTH];
EXPORT uint32_t walk_agent_depth, walk_agent_end, walk_agent_frames;
EXPORT uint32_t walk_agent_misses[2]; /* of the first walk, and of the second over the same stack */
EXPORT uint32_t walk_agent_is_ready;  /* the dynamic linker has done its work */

EXPORT int walk_agent_walk(void);

static struct sp_unwind_memory memory;
static uint64_t again[DEPTH];

#if defined(__x86_64__)
static uintptr_t make_context(ucontext_t *context)
{
    static const uint8_t columns[] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
                                      REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
    for (unsigned i = 0; i < sizeof columns; i++)
        context->uc_mcontext.gregs[columns[i]] = (greg_t)walk_agent_registers[i];
    return (uintptr_t)walk_agent_registers[7];
}
#else
static uintptr_t make_context(ucontext_t *context)
{
    for (unsigned i = 0; i < 31; i++)
        context->uc_mcontext.regs[i] = walk_agent_registers[i];
    context->uc_mcontext.sp = walk_agent_registers[31];
    context->uc_mcontext.pc = walk_agent_registers[32];
    return (uintptr_t)context->uc_mcontext.sp;
}
#endif

/* 0; -1: walks over the same stack with and without what earlier ones have learnt, and again, do not agree. */
int walk_agent_walk(void)
{
    static ucontext_t context;
    struct sp_stack_bounds bounds = {0, 0};
    struct sp_walk_facts facts;
    int is_same = 1;
    bounds.low = make_context(&context);
    bounds.high = (uintptr_t)walk_agent_stack_high;
    walk_agent_depth = sp_unwind(&context, &bounds, NULL, walk_agent_pcs, DEPTH, &facts);
    walk_agent_end = facts.end;
    walk_agent_frames = facts.frames;
    for (unsigned i = 0; i < 2; i++) {
        const uint32_t depth = sp_unwind(&context, &bounds, &memory, again, DEPTH, &facts);
        walk_agent_misses[i] = facts.misses;
        is_same &= depth == walk_agent_depth && facts.end == walk_agent_end;
        for (uint32_t k = 0; is_same && k < depth; k++)
            is_same &= again[k] == walk_agent_pcs[k];
    }
    return is_same ? 0 : -1;
}

__attribute__((constructor)) static void be_ready(void)
{
    walk_agent_is_ready = 1;
}
