/*
 * coroutines [SECONDS]: two threads that switch stacks all the time: one among coroutines of makecontext, by
 * swapcontext, the other among coroutines of its own making, by a handful of instructions, some millions of times a
 * second. Prints also switches=N.
 */
#include "hostile.h"

#include <pthread.h>
#include <ucontext.h>

enum { COROUTINES = 4, STACK_BYTES = 64 << 10 };

static double until;

struct side {
    uint64_t switches, wrong;
    uint64_t sums[COROUTINES];
};
static struct side with_libc, by_hand;

/* What each coroutine does between two switches, some frames deep. */
__attribute__((noinline)) static uint64_t step(uint64_t x)
{
    volatile uint64_t kept = hostile_spin(x, 5);
    return kept;
}

/* Each coroutine has been resumed equally often, and its sum is what so many steps give. */
static uint64_t count_wrong(const struct side *side)
{
    uint64_t wrong = 0, x = 0;
    for (uint64_t i = 0; i < side->switches / COROUTINES; i++)
        x = hostile_spin(x, 5);
    for (unsigned i = 0; i < COROUTINES; i++)
        wrong += side->sums[i] != x;
    return wrong;
}

static ucontext_t main_context, contexts[COROUTINES];

static void libc_coroutine(int number)
{
    for (;;) {
        with_libc.sums[number] = step(with_libc.sums[number]);
        swapcontext(&contexts[number], &main_context);
    }
}

static void *use_libc(void *unused)
{
    static _Alignas(64) char stacks[COROUTINES][STACK_BYTES];
    (void)unused;
    for (int i = 0; i < COROUTINES; i++) {
        getcontext(&contexts[i]);
        contexts[i].uc_stack = (stack_t){.ss_sp = stacks[i], .ss_size = STACK_BYTES};
        makecontext(&contexts[i], (void (*)(void))(uintptr_t)libc_coroutine, 1, i);
    }
    while (hostile_now() < until)
        for (unsigned i = 0; i < 100 * COROUTINES; i++, with_libc.switches++)
            swapcontext(&main_context, &contexts[i % COROUTINES]);
    return NULL;
}

/* Saves the stack pointer to *from and goes on with `to`: what the callee has to keep is on the stacks. */
void switch_stack(void **from, void *to);
/* Where a coroutine begins: at the end of all stacks that are on it. */
void coroutine_start(void);
void hand_made_coroutine(uint64_t number);

#if defined(__x86_64__)
__asm__(".text\n"
        ".type switch_stack, @function\n"
        "switch_stack:\n"
        "    .cfi_startproc\n"
        "    push %rbp\n    .cfi_adjust_cfa_offset 8\n    .cfi_rel_offset %rbp, 0\n"
        "    push %rbx\n    .cfi_adjust_cfa_offset 8\n    .cfi_rel_offset %rbx, 0\n"
        "    push %r12\n    .cfi_adjust_cfa_offset 8\n    .cfi_rel_offset %r12, 0\n"
        "    push %r13\n    .cfi_adjust_cfa_offset 8\n    .cfi_rel_offset %r13, 0\n"
        "    push %r14\n    .cfi_adjust_cfa_offset 8\n    .cfi_rel_offset %r14, 0\n"
        "    push %r15\n    .cfi_adjust_cfa_offset 8\n    .cfi_rel_offset %r15, 0\n"
        "    mov %rsp, (%rdi)\n"
        "    mov %rsi, %rsp\n"
        "    pop %r15\n    .cfi_adjust_cfa_offset -8\n    .cfi_restore %r15\n"
        "    pop %r14\n    .cfi_adjust_cfa_offset -8\n    .cfi_restore %r14\n"
        "    pop %r13\n    .cfi_adjust_cfa_offset -8\n    .cfi_restore %r13\n"
        "    pop %r12\n    .cfi_adjust_cfa_offset -8\n    .cfi_restore %r12\n"
        "    pop %rbx\n    .cfi_adjust_cfa_offset -8\n    .cfi_restore %rbx\n"
        "    pop %rbp\n    .cfi_adjust_cfa_offset -8\n    .cfi_restore %rbp\n"
        "    ret\n"
        "    .cfi_endproc\n"
        ".size switch_stack, . - switch_stack\n"
        ".type coroutine_start, @function\n"
        "coroutine_start:\n"
        "    .cfi_startproc\n"
        "    .cfi_undefined %rip\n"
        "    mov %rbx, %rdi\n" /* its number: from the stack that was made for it */
        "    call hand_made_coroutine\n"
        "    ud2\n"
        "    .cfi_endproc\n"
        ".size coroutine_start, . - coroutine_start\n");

/* As if it had been left by switch_stack. */
static void *new_coroutine(char *stack, uint64_t number)
{
    uintptr_t *top = (uintptr_t *)(void *)(stack + STACK_BYTES) - 8;
    top[6] = (uintptr_t)coroutine_start;
    top[4] = number;
    return top;
}
#else
#error "coroutines: only for x86-64 as yet"
#endif

static void *main_stack, *coroutine_stacks[COROUTINES];

__attribute__((used)) void hand_made_coroutine(uint64_t number)
{
    for (;;) {
        by_hand.sums[number] = step(by_hand.sums[number]);
        switch_stack(&coroutine_stacks[number], main_stack);
    }
}

static void *use_hand_made(void *unused)
{
    static _Alignas(64) char stacks[COROUTINES][STACK_BYTES];
    (void)unused;
    for (unsigned i = 0; i < COROUTINES; i++)
        coroutine_stacks[i] = new_coroutine(stacks[i], i);
    while (hostile_now() < until)
        for (unsigned i = 0; i < 100 * COROUTINES; i++, by_hand.switches++)
            switch_stack(&main_stack, coroutine_stacks[i % COROUTINES]);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[2];
    until = hostile_until(argc, argv);
    pthread_create(&threads[0], NULL, use_libc, NULL);
    pthread_create(&threads[1], NULL, use_hand_made, NULL);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    printf("switches=%llu ", 2 * (unsigned long long)(with_libc.switches + by_hand.switches));
    return hostile_end(with_libc.switches + by_hand.switches, count_wrong(&with_libc) + count_wrong(&by_hand));
}
