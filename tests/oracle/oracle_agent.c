/*
 * The agent: preloaded into a program that is stepped, it calls sp_unwind there when the tool sets the registers to
 * `enter`. It writes nothing but the block, its own stack and its own .bss, so that the program does not notice. The
 * tool restores the general registers; the vector registers are restored here, for _dl_find_object uses some (in a
 * signal handler, the kernel's return from it does that).
 */
#include "oracle_agent.h"
#include "oracle.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "handler/unwind.h"

enum { STACK_BYTES = 1 << 16, PAGE = 4096, VECTOR_BYTES = 1 << 14 };

static struct oracle_block *block;
static struct sp_unwind_memory memory;
static char stack[STACK_BYTES] __attribute__((aligned(64)));

/* For xsave: 11 KiB with the largest registers that there are, AMX. */
__attribute__((visibility("hidden"))) extern char oracle_vectors[];
char oracle_vectors[VECTOR_BYTES] __attribute__((aligned(64)));

#define EXPORTED __attribute__((visibility("default"), noinline))

/* Never inlined, never merged: the tool stops at their addresses. */
EXPORTED void oracle_prepare(void)
{
    __asm__ volatile("nop");
}

EXPORTED void oracle_begin(void)
{
    __asm__ volatile("nop; nop");
}

EXPORTED void oracle_end(void)
{
    __asm__ volatile("nop; nop; nop");
}

EXPORTED void oracle_add_stack(void *low, size_t bytes)
{
    if (block != NULL && block->n_stacks < ORACLE_STACKS)
        block->stacks[block->n_stacks++] = (struct oracle_range){(uintptr_t)low, (uintptr_t)low + bytes};
}

static void walk(enum oracle_way way)
{
    const struct sp_stack_bounds known = {block->thread_stack.low, block->thread_stack.high}, unknown = {0, 0};
    const bool is_warm = way == ORACLE_WARM;
    struct sp_walk_facts facts = {0};
    struct oracle_walk *out = &block->walks[way];
    out->depth = sp_unwind(&block->context, is_warm ? &known : &unknown, is_warm ? &memory : NULL, out->pcs,
                           ORACLE_DEPTH, &facts);
    out->end = (uint32_t)facts.end;
    out->frames = facts.frames;
    out->misses = facts.misses;
}

/* Up to the end of the page: what is behind it may not be there. */
static void copy_code(void)
{
    const uintptr_t pc = (uintptr_t)block->context.uc_mcontext.gregs[REG_RIP];
    const volatile uint8_t *code = (const volatile uint8_t *)pc;
    const uintptr_t left = PAGE - pc % PAGE;
    block->code_bytes = left < ORACLE_CODE_BYTES ? (uint32_t)left : ORACLE_CODE_BYTES;
    for (uint32_t i = 0; i < block->code_bytes; i++)
        block->code[i] = code[i];
}

/* Called by oracle_enter below. */
void oracle_walk_all(void);
void oracle_walk_all(void)
{
    copy_code();
    for (enum oracle_way way = 0; way < ORACLE_WAYS; way++)
        walk(way);
}

extern const char oracle_enter[], oracle_left[];
__asm__(".text\n"
        ".hidden oracle_enter, oracle_left\n"
        ".globl oracle_enter, oracle_left\n"
        "oracle_enter: mov $-1, %eax\n"
        "mov %eax, %edx\n"
        "xsave64 oracle_vectors(%rip)\n"
        "call oracle_walk_all\n"
        "mov $-1, %eax\n"
        "mov %eax, %edx\n"
        "xrstor64 oracle_vectors(%rip)\n"
        "int3\n"
        "oracle_left: ud2\n");

static __attribute__((constructor)) void announce(void)
{
    const char *number = getenv("ORACLE_FD");
    if (number == NULL)
        return;
    const int fd = atoi(number);
    struct oracle_block *mapped = mmap(NULL, sizeof *mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped == MAP_FAILED)
        return;
    mapped->enter = (uintptr_t)oracle_enter;
    mapped->left = (uintptr_t)oracle_left;
    mapped->agent_stack = (uintptr_t)(stack + STACK_BYTES);
    mapped->prepare = (uintptr_t)&oracle_prepare;
    mapped->begin = (uintptr_t)&oracle_begin;
    mapped->end = (uintptr_t)&oracle_end;
    block = mapped;
    __asm__ volatile("int3");
}
