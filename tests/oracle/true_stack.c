/* See true_stack.h. */
#include "true_stack.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { WORD = 8 };

/* What the kernel writes for a signal: the restorer's address, then a ucontext_t (arch/x86/include/asm/sigframe.h). */
#define SAVED_AT(index) (WORD + offsetof(ucontext_t, uc_mcontext.gregs) + WORD * (size_t)(index))

static _Noreturn void give_up(const char *why)
{
    fprintf(stderr, "single_step: %s\n", why);
    exit(2);
}

/* The main thread's stack ends with the mapping of that name and may grow to its limit. */
static struct oracle_range thread_stack(const struct tracee *tracee)
{
    struct oracle_range range = {0, 0};
    struct rlimit limit;
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)tracee->pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && range.high == 0 && fgets(line, sizeof line, file) != NULL)
        if (strstr(line, "[stack]") != NULL)
            sscanf(line, "%*x-%lx", &range.high);
    if (file == NULL || range.high == 0)
        give_up("the program has no mapping called [stack]");
    fclose(file);
    getrlimit(RLIMIT_STACK, &limit);
    range.low = range.high - (limit.rlim_cur < (1UL << 30) ? limit.rlim_cur : 1UL << 30);
    return range;
}

void true_stack_init(struct true_stack *stack, const struct tracee *tracee)
{
    memset(stack, 0, sizeof *stack);
    stack->n_lists = 1;
    stack->lists[0].below = -1;
    stack->lists[0].memory = thread_stack(tracee);
}

static void push(struct true_list *list, uint64_t slot, uint64_t value)
{
    if (list->n_frames == TRUE_FRAMES)
        give_up("the stack is deeper than the oracle can hold");
    list->frames[list->n_frames++] = (struct true_frame){slot, value};
}

static void drop_below(struct true_list *list, uint64_t sp)
{
    while (list->n_frames > 0 && list->frames[list->n_frames - 1].slot < sp)
        list->n_frames--;
}

/* The list whose memory holds `sp`, or -1. Stacks that the program has named since are added. */
static int find_list(struct true_stack *stack, const struct oracle_block *block, uint64_t sp)
{
    while (stack->n_lists < 1 + block->n_stacks) {
        struct true_list *added = &stack->lists[stack->n_lists];
        added->memory = block->stacks[stack->n_lists++ - 1];
        added->below = -1;
    }
    for (uint32_t i = 0; i < stack->n_lists; i++) /* sp may be the end of an empty stack */
        if (sp > stack->lists[i].memory.low && sp <= stack->lists[i].memory.high)
            return (int)i;
    return -1;
}

/* Leaves the current stack for another. One that is new has a return address on it that no call has put there. */
static void change_list(struct true_stack *stack, const struct tracee *tracee, int next)
{
    struct true_list *left = &stack->lists[stack->current], *entered = &stack->lists[next];
    const uint64_t sp = tracee->registers.rsp;
    stack->switches++;
    if (left->below == next) { /* the handler's end, or a jump out of it */
        left->below = -1;
        left->n_frames = 0;
    }
    stack->current = next;
    if (entered->n_frames == 0 && sp < entered->memory.high)
        push(entered, sp, tracee_word(tracee, sp));
}

/* Whether the step was the delivery of a signal: sp is where the kernel has saved the registers as they were. */
static bool is_delivery(const struct tracee *tracee, const struct user_regs_struct *before)
{
    const uint64_t sp = tracee->registers.rsp;
    return tracee->delivered != 0 && tracee_word(tracee, sp + SAVED_AT(REG_RIP)) == before->rip &&
           tracee_word(tracee, sp + SAVED_AT(REG_RSP)) == before->rsp;
}

static void deliver(struct true_stack *stack, const struct tracee *tracee, uint64_t pc)
{
    const uint64_t sp = tracee->registers.rsp;
    const int list = find_list(stack, tracee->block, sp);
    if (list < 0)
        give_up("a signal was delivered on a stack that is not known");
    if (list != stack->current) {
        stack->lists[list].n_frames = 0;
        stack->lists[list].below = stack->current;
        stack->current = list;
    }
    push(&stack->lists[list], sp + SAVED_AT(REG_RIP), pc + 1);
    push(&stack->lists[list], sp, tracee_word(tracee, sp));
    stack->signals++;
}

/* Skips prefixes: operand size, segments, repeat, bnd, notrack, REX. */
static uint32_t opcode_at(const uint8_t *code, uint32_t code_bytes)
{
    uint32_t at = 0;
    while (at + 1 < code_bytes && (strchr("\x66\x2e\x36\x3e\x26\x64\x65\xf2\xf3", code[at]) != NULL && code[at] != 0))
        at++;
    return at + 1 < code_bytes && (code[at] & 0xf0) == 0x40 ? at + 1 : at;
}

/* Intel SDM, volume 2: CALL is E8 or FF /2. */
static bool is_call(const uint8_t *code, uint32_t code_bytes)
{
    const uint32_t at = opcode_at(code, code_bytes);
    return code[at] == 0xe8 || (at + 1 < code_bytes && code[at] == 0xff && (code[at + 1] >> 3 & 7) == 2);
}

/* RET is C3 or C2. */
static bool is_return(const uint8_t *code, uint32_t code_bytes)
{
    const uint8_t opcode = code[opcode_at(code, code_bytes)];
    return opcode == 0xc3 || opcode == 0xc2;
}

static void check_return(struct true_stack *stack, const struct tracee *tracee, const struct user_regs_struct *before)
{
    const struct true_list *list = &stack->lists[stack->current];
    const struct true_frame *top = list->n_frames > 0 ? &list->frames[list->n_frames - 1] : NULL;
    stack->returns++;
    stack->elsewhere += top == NULL || top->slot != before->rsp || top->value != tracee->registers.rip;
}

void true_stack_follow(struct true_stack *stack, const struct tracee *tracee, const struct user_regs_struct *before,
                       const uint8_t *code, uint32_t code_bytes)
{
    const struct user_regs_struct *now = &tracee->registers;
    if (is_delivery(tracee, before)) {
        deliver(stack, tracee, before->rip);
        return;
    }
    const int next = find_list(stack, tracee->block, now->rsp);
    if (next < 0) /* the register is used for something else for a while */
        return;
    if (now->rip != before->rip && is_return(code, code_bytes))
        check_return(stack, tracee, before);
    if (next != stack->current)
        change_list(stack, tracee, next);
    struct true_list *list = &stack->lists[next];
    drop_below(list, now->rsp);
    if (now->rsp == before->rsp - WORD && is_call(code, code_bytes)) {
        stack->calls++;
        push(list, now->rsp, tracee_word(tracee, now->rsp));
    }
}

void true_stack_resume(struct true_stack *stack, const struct tracee *tracee)
{
    struct true_list *list = &stack->lists[stack->current];
    const uint64_t sp = tracee->registers.rsp;
    if (list->n_frames == 0 || list->frames[list->n_frames - 1].slot != sp)
        give_up("oracle_prepare and oracle_begin were not called from one function");
    list->frames[list->n_frames - 1].value = tracee_word(tracee, sp);
}

uint32_t true_stack_list(const struct true_stack *stack, uint64_t pc, struct true_frame *frames, uint32_t limit)
{
    uint32_t n = 0;
    frames[n++] = (struct true_frame){0, pc};
    for (int i = stack->current; i >= 0; i = stack->lists[i].below)
        for (uint32_t frame = stack->lists[i].n_frames; frame > 0 && n < limit; frame--)
            frames[n++] = stack->lists[i].frames[frame - 1];
    return n;
}
