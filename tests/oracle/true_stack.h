/*
 * The true call stack, kept from what the CPU does: the oracle that walks are compared with. It knows nothing of unwind
 * tables and frame pointers.
 *
 * The stack is the list of the words to which the functions in progress will return, each by its place (slot):
 *
 *     call                    pushes a word: its slot is where sp is afterwards
 *     anything that moves sp  above a slot ends that function: ret, longjmp, a throw's landing, sigreturn alike
 *     a signal's delivery     pushes two: the pc in the frame that the kernel writes, and the handler's return address
 *     sp on another stack     goes on with that stack's own list, as it was left: swapcontext
 *
 * A signal's handler on an alternate stack stands on top of the list of the stack that it interrupted.
 */
#ifndef SIGPROF_ORACLE_TRUE_STACK_H
#define SIGPROF_ORACLE_TRUE_STACK_H

#include "tracee.h"

enum { TRUE_STACKS = 1 + ORACLE_STACKS, TRUE_FRAMES = 4096 };

struct true_frame {
    uint64_t slot;
    uint64_t value; /* what a walk has for it: the return address, or the interrupted pc + 1 */
};

struct true_list {
    struct oracle_range memory;
    int below; /* index of the stack that a signal on this one has interrupted, or -1 */
    uint32_t n_frames;
    struct true_frame frames[TRUE_FRAMES]; /* the deepest first */
};

struct true_stack {
    int current;
    uint32_t n_lists;
    struct true_list lists[TRUE_STACKS]; /* 0: the thread's own */
    /* What was seen. `elsewhere`: returns to where the list did not say, which only a throw's landing does. */
    uint64_t calls, returns, elsewhere, signals, switches;
};

/* At the program's entry: nothing was called yet. */
void true_stack_init(struct true_stack *stack, const struct tracee *tracee);

/* After a step of `tracee` from `before`, where the instruction was `code`. */
void true_stack_follow(struct true_stack *stack, const struct tracee *tracee, const struct user_regs_struct *before,
                       const uint8_t *code, uint32_t code_bytes);

/* After a run at full speed from one function that the current one called into another, at whose entry it is now. */
void true_stack_resume(struct true_stack *stack, const struct tracee *tracee);

/* What a walk from `pc` has to give, the leaf first (it has no slot: 0); returns the number, at most `limit`. */
uint32_t true_stack_list(const struct true_stack *stack, uint64_t pc, struct true_frame *frames, uint32_t limit);

#endif
