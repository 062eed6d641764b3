/*
 * jumping [SECONDS]: longjmp and siglongjmp over several frames all the time, also out of a signal handler.
 */
#include "hostile.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>

enum { THREADS = 4, DEPTH = 8 };

struct jumper {
    jmp_buf plain;
    sigjmp_buf with_mask;
    unsigned kind; /* 0: longjmp, 1: siglongjmp, 2: the same out of a handler */
    uint64_t rounds, wrong;
};

static __thread struct jumper *current;
static double until;

static void leave_handler(int signal_number)
{
    (void)signal_number;
    siglongjmp(current->with_mask, 3);
}

__attribute__((noinline)) static uint64_t jump_deep(struct jumper *jumper, unsigned depth, uint64_t x)
{
    volatile uint64_t kept = hostile_spin(x, 20);
    if (depth > 0)
        return jump_deep(jumper, depth - 1, kept) + kept;
    if (jumper->kind == 0)
        longjmp(jumper->plain, 1);
    if (jumper->kind == 1)
        siglongjmp(jumper->with_mask, 2);
    pthread_kill(pthread_self(), SIGUSR1);
    return kept;
}

/* Whether the jump came back as it should. */
__attribute__((noinline)) static bool jump_once(struct jumper *jumper)
{
    volatile uint64_t local = jumper->rounds;
    int got;
    if (jumper->kind == 0)
        got = setjmp(jumper->plain);
    else
        got = sigsetjmp(jumper->with_mask, 1);
    if (got == 0)
        jump_deep(jumper, DEPTH, local);
    return got == (int)jumper->kind + 1 && local == jumper->rounds;
}

static void *work(void *argument)
{
    struct jumper *jumper = argument;
    current = jumper;
    while (hostile_now() < until) {
        jumper->kind = (unsigned)(jumper->rounds % 3);
        jumper->wrong += !jump_once(jumper);
        jumper->rounds++;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static struct jumper jumpers[THREADS];
    struct sigaction action = {.sa_handler = leave_handler};
    pthread_t threads[THREADS];
    uint64_t rounds = 0, wrong = 0;
    until = hostile_until(argc, argv);
    sigaction(SIGUSR1, &action, NULL);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, &jumpers[i]);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        rounds += jumpers[i].rounds;
        wrong += jumpers[i].wrong;
    }
    return hostile_end(rounds, wrong);
}
