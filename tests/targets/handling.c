/*
 * handling [SECONDS]: threads that are in signal handlers nearly all the time: on an alternate stack, on their own, and
 * in one that has interrupted the other.
 */
#include "hostile.h"

#include <pthread.h>
#include <signal.h>

enum { THREADS = 3, ALTERNATE_BYTES = 64 << 10 };

static __thread volatile uint64_t handled;
static double until;
static atomic_ullong wrong;

__attribute__((noinline)) static uint64_t work_in_handler(uint64_t x)
{
    volatile uint64_t kept = hostile_spin(x, 2000);
    return kept;
}

/* SIGUSR1: on the alternate stack. */
static void handle_outer(int signal_number)
{
    (void)signal_number;
    handled += 1 + 0 * work_in_handler(handled);
    if (handled % 2 == 0)
        pthread_kill(pthread_self(), SIGUSR2);
}

/* SIGUSR2: without SA_ONSTACK, but it stays on the alternate stack when it comes there. */
static void handle_inner(int signal_number)
{
    (void)signal_number;
    handled += 1 + 0 * work_in_handler(handled);
}

/* Is interrupted in the middle of everything it does, by SIGUSR1 and then SIGUSR2. */
__attribute__((noinline)) static bool raise_both(uint64_t round)
{
    volatile uint64_t own = round;
    const uint64_t before = handled;
    pthread_kill(pthread_self(), SIGUSR1);
    pthread_kill(pthread_self(), SIGUSR2);
    return own == round && handled >= before + 2 && handled <= before + 3;
}

static void *work(void *argument)
{
    static _Alignas(64) char memory[THREADS][ALTERNATE_BYTES];
    static atomic_uint next;
    stack_t alternate = {.ss_sp = memory[atomic_fetch_add(&next, 1)], .ss_size = ALTERNATE_BYTES};
    uint64_t *rounds = argument;
    if (sigaltstack(&alternate, NULL) != 0)
        atomic_fetch_add(&wrong, 1);
    for (; hostile_now() < until; ++*rounds)
        if (!raise_both(*rounds))
            atomic_fetch_add(&wrong, 1);
    alternate.ss_flags = SS_DISABLE;
    sigaltstack(&alternate, NULL);
    return NULL;
}

int main(int argc, char **argv)
{
    static uint64_t rounds[THREADS];
    struct sigaction outer = {.sa_handler = handle_outer, .sa_flags = SA_ONSTACK};
    struct sigaction inner = {.sa_handler = handle_inner};
    pthread_t threads[THREADS];
    uint64_t all_rounds = 0;
    until = hostile_until(argc, argv);
    sigaction(SIGUSR1, &outer, NULL);
    sigaction(SIGUSR2, &inner, NULL);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, &rounds[i]);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        all_rounds += rounds[i];
    }
    return hostile_end(all_rounds, wrong);
}
