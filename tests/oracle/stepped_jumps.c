/* Stepped through what leaves a function otherwise than by its end: signals, longjmp, coroutines. */
#include "stepped_cases.h"

#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

enum { STACK_BYTES = 1 << 16 };

static volatile int handled;
static char alternate_stack[STACK_BYTES] __attribute__((aligned(16)));
static char coroutine_stacks[2][STACK_BYTES] __attribute__((aligned(16)));
static sigjmp_buf escape;
static volatile char *bad_address;

static stepped_never_inlined int work(int n)
{
    char text[64];
    snprintf(text, sizeof text, "%d and %d", n, handled);
    return n == 0 ? text[0] : work(n - 1) + text[0];
}

static void count(int signal_number)
{
    handled++;
    work(2);
    if (signal_number == SIGUSR1)
        raise(SIGUSR2);
}

static void leave(int signal_number)
{
    work(1);
    siglongjmp(escape, signal_number);
}

static void install(int signal_number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    stepped_require(sigaction(signal_number, &action, NULL) == 0);
}

static void install_on_stack(void)
{
    install(SIGUSR1, count, 0);
    install(SIGUSR2, count, SA_RESTART);
}

static void install_on_alternate(void)
{
    const stack_t stack = {.ss_sp = alternate_stack, .ss_size = sizeof alternate_stack};
    oracle_add_stack(alternate_stack, sizeof alternate_stack);
    stepped_require(sigaltstack(&stack, NULL) == 0);
    install(SIGUSR1, count, SA_ONSTACK);
    install(SIGUSR2, count, SA_ONSTACK);
}

static stepped_never_inlined void raise_three(void)
{
    handled = 0;
    for (int i = 0; i < 3; i++)
        raise(SIGUSR1);
    raise(SIGUSR2);
    stepped_require(handled == 7);
}

static void install_leaving(void)
{
    install_on_alternate();
    install(SIGUSR1, leave, 0);
    install(SIGUSR2, leave, SA_ONSTACK);
    install(SIGSEGV, leave, SA_ONSTACK);
}

static stepped_never_inlined void fault(void)
{
    *bad_address = 1;
}

/* The second round's handlers find the signal unblocked only because siglongjmp has restored the mask. */
static void jump_out_of_handlers(void)
{
    static const int signals[] = {SIGUSR1, SIGUSR2, SIGSEGV, SIGUSR1, SIGSEGV};
    for (volatile size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        const int got = sigsetjmp(escape, 1);
        if (got != 0) {
            stepped_require(got == signals[i]);
            continue;
        }
        if (signals[i] == SIGSEGV)
            fault();
        else
            raise(signals[i]);
    }
}

static jmp_buf place;

static stepped_never_inlined void jump_from(int depth)
{
    if (depth == 0)
        longjmp(place, work(1));
    if (depth > 0)
        jump_from(depth - 1);
    work(0);
}

static void jump(void)
{
    for (volatile int i = 0; i < 4; i++)
        if (setjmp(place) == 0)
            jump_from(i * 3);
}

static ucontext_t main_context, contexts[2];
static volatile int turns;

static stepped_never_inlined void turn(int self, int depth)
{
    if (depth > 0) {
        turn(self, depth - 1);
        work(0);
        return;
    }
    turns++;
    swapcontext(&contexts[self], &main_context);
    turns++;
}

static void coroutine(int self)
{
    for (int i = 0; i < 3; i++)
        turn(self, i * 2);
    if (self == 1)
        raise(SIGUSR2);
}

static void add_coroutine_stacks(void)
{
    install_on_stack();
    for (int i = 0; i < 2; i++)
        oracle_add_stack(coroutine_stacks[i], STACK_BYTES);
}

static void switch_contexts(void)
{
    turns = handled = 0;
    for (int i = 0; i < 2; i++) {
        getcontext(&contexts[i]);
        contexts[i].uc_stack = (stack_t){.ss_sp = coroutine_stacks[i], .ss_size = STACK_BYTES};
        contexts[i].uc_link = &main_context;
        makecontext(&contexts[i], (void (*)(void))(void *)coroutine, 1, i);
    }
    for (int round = 0; round < 4; round++) /* the last is to their end */
        for (int i = 0; i < 2; i++)
            swapcontext(&main_context, &contexts[i]);
    stepped_require(turns == 12 && handled == 1);
}

static const struct stepped_case cases[] = {
    {"signal", install_on_stack, raise_three},
    {"alternate", install_on_alternate, raise_three},
    {"siglongjmp", install_leaving, jump_out_of_handlers},
    {"longjmp", NULL, jump},
    {"contexts", add_coroutine_stacks, switch_contexts},
};

int main(int argc, char **argv)
{
    return stepped_main(cases, sizeof cases / sizeof *cases, argc, argv);
}
