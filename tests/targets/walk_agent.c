/*
 * A library to preload into a program that a debugger holds: a signal makes it walk the stack that the signal has
 * interrupted, with the handler's own code. For script/agree-with-gdb.
 *
 * The debugger has breakpoints at walk_agent_ready, from where on the signal may come, and at walk_agent_done, where it
 * reads walk_agent_pcs and walks the stack itself. It sets no registers: what it puts back of vector registers is not
 * always what was there. For glibc.
 */
#include "handler/unwind.h"

#include <signal.h>

#define EXPORT __attribute__((visibility("default")))

enum { DEPTH = SP_DEPTH_LIMIT, WALK_SIGNAL = 63, STACK_BYTES = 8 << 20 };

EXPORT uint64_t walk_agent_pcs[DEPTH];
EXPORT uint32_t walk_agent_depth, walk_agent_end;
EXPORT uint32_t walk_agent_is_steady; /* walks with and without what earlier ones have learnt were the same */

EXPORT void walk_agent_ready(void);
EXPORT void walk_agent_done(void);

extern void *__libc_stack_end; /* of the main thread */

static struct sp_unwind_memory memory;
static uint64_t again[DEPTH];

__attribute__((noinline)) void walk_agent_ready(void)
{
    __asm__ volatile("" : : : "memory");
}

__attribute__((noinline)) void walk_agent_done(void)
{
    __asm__ volatile("" : : : "memory");
}

static int walk_again(const void *context, const struct sp_stack_bounds *bounds)
{
    struct sp_walk_facts facts;
    const uint32_t depth = sp_unwind(context, bounds, &memory, again, DEPTH, &facts);
    int is_same = depth == walk_agent_depth && facts.end == walk_agent_end;
    for (uint32_t i = 0; is_same && i < depth; i++)
        is_same = again[i] == walk_agent_pcs[i];
    return is_same;
}

static void handle(int signal_number, siginfo_t *info, void *context)
{
    struct sp_walk_facts facts;
    struct sp_registers registers;
    struct sp_stack_bounds bounds = {0, 0};
    (void)signal_number;
    (void)info;
    sp_arch_capture(context, &registers);
    const uintptr_t end = (uintptr_t)__libc_stack_end;
    if (registers.sp < end && end - registers.sp < STACK_BYTES)
        bounds = (struct sp_stack_bounds){registers.sp, end};
    walk_agent_depth = sp_unwind(context, &bounds, NULL, walk_agent_pcs, DEPTH, &facts);
    walk_agent_end = facts.end;
    walk_agent_is_steady = (uint32_t)(walk_again(context, &bounds) && walk_again(context, &bounds));
    walk_agent_done();
}

__attribute__((constructor)) static void be_ready(void)
{
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigfillset(&action.sa_mask);
    sigaction(WALK_SIGNAL, &action, NULL);
    walk_agent_ready();
}
