/*
 * overflowing [SECONDS]: two threads that recur until they hit the guard page below their stacks. A handler of SIGSEGV
 * on an alternate stack works a little there and jumps back to the top, over and over.
 */
#include "hostile.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

enum { THREADS = 2, STACK_BYTES = 256 << 10, PAGE = 4096, ALTERNATE_BYTES = 64 << 10 };

struct diver {
    sigjmp_buf top;
    char *guard; /* the lowest page of its stack */
    uint64_t rounds, wrong, sink;
};

static __thread struct diver *current;
static double until;

static void handle(int signal_number, siginfo_t *info, void *context)
{
    const char *at = info->si_addr;
    (void)signal_number;
    (void)context;
    if (at < current->guard || at >= current->guard + PAGE)
        current->wrong++;
    current->sink = hostile_spin(current->sink, 2000);
    siglongjmp(current->top, 1);
}

static volatile bool is_deep_enough; /* never */

__attribute__((noinline)) static uint64_t dive(uint64_t x)
{
    volatile uint64_t kept[16];
    kept[x % 16] = hostile_spin(x, 10);
    return is_deep_enough ? x : dive(kept[x % 16] >> 1) + kept[x % 16];
}

static void *work(void *argument)
{
    static _Alignas(64) char memory[THREADS][ALTERNATE_BYTES];
    static atomic_uint next;
    struct diver *diver = argument;
    stack_t alternate = {.ss_sp = memory[atomic_fetch_add(&next, 1)], .ss_size = ALTERNATE_BYTES};
    current = diver;
    if (sigaltstack(&alternate, NULL) != 0)
        diver->wrong++;
    while (hostile_now() < until) {
        if (sigsetjmp(diver->top, 1) == 0)
            diver->sink += dive(diver->rounds);
        diver->rounds++;
    }
    alternate.ss_flags = SS_DISABLE;
    sigaltstack(&alternate, NULL);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct diver divers[THREADS];
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    pthread_t threads[THREADS];
    uint64_t rounds = 0, wrong = 0;
    until = hostile_until(argc, argv);
    sigaction(SIGSEGV, &action, NULL);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_attr_t attributes;
        char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (stack == MAP_FAILED || mprotect(stack, PAGE, PROT_NONE) != 0)
            return 1;
        divers[i].guard = stack;
        pthread_attr_init(&attributes);
        pthread_attr_setstack(&attributes, stack, STACK_BYTES);
        pthread_create(&threads[i], &attributes, work, &divers[i]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        rounds += divers[i].rounds;
        wrong += divers[i].wrong;
    }
    return hostile_end(rounds, wrong);
}
