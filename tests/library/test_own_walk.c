/*
 * Walks of a program over its own stacks, out of a signal handler. Built as dynamic, -static and -static-pie: of a
 * static program, _dl_find_object tells no tables, and there may be no .eh_frame_hdr.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/auxv.h>
#include <time.h>
#include <ucontext.h>

#include "handler/unwind.h"
#include "require.h"
#include "session/object_list.h"

enum { DEPTH = 64 };

static struct sp_unwind_memory memory;
static uint64_t pcs[DEPTH];
static volatile uint32_t depth;
static struct sp_walk_facts facts;
static volatile unsigned signals;

static void walk_here(int signal_number, siginfo_t *info, void *context)
{
    static const struct sp_stack_bounds unknown = {0, 0};
    (void)signal_number;
    (void)info;
    signals++;
    depth = sp_unwind(context, &unknown, &memory, pcs, DEPTH, &facts);
}

__attribute__((noinline)) static int deep(int n)
{
    const int below = n == 0 ? raise(SIGUSR1) : deep(n - 1);
    __asm__ volatile("" ::: "memory"); /* else the compiler makes a loop of it */
    return below + 1;
}

static void *deep_in_thread(void *argument)
{
    *(int *)argument = deep(20);
    return NULL;
}

/* Frames whose address lies in `deep`. */
static unsigned frames_of_deep(void)
{
    unsigned found = 0;
    for (uint32_t i = 0; i < depth; i++)
        found += pcs[i] >= (uintptr_t)&deep && pcs[i] < (uintptr_t)&deep_in_thread;
    return found;
}

static void test_walk_reaches_the_start(void)
{
    require(deep(20) > 0);
    require_equal(facts.end, SP_STACK_COMPLETE);
    require_equal(frames_of_deep(), 21);
}

static void test_walk_of_a_thread(void)
{
    int result = 0;
    pthread_t thread;
    require_equal(pthread_create(&thread, NULL, deep_in_thread, &result), 0);
    require_equal(pthread_join(thread, NULL), 0);
    require(result > 0);
    require_equal(facts.end, SP_STACK_COMPLETE);
    require_equal(frames_of_deep(), 21);
}

/* The second walk of the same frames needs no table. */
static void test_walk_keeps_rules(void)
{
    for (volatile unsigned i = 0; i < 2; i++) /* one call, not two of them */
        require(deep(20) > 0);
    require_equal(facts.misses, 0);
}

/* Signals while the thread reads clocks: where they find it in the vDSO, the stack is whole all the same. */
static void test_walk_from_the_vdso(void)
{
    enum { SIGNALS = 400, VDSO_BYTES = 8192 };
    const uintptr_t vdso = (uintptr_t)getauxval(AT_SYSINFO_EHDR);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    const struct itimerspec often = {.it_interval.tv_nsec = 2000000, .it_value.tv_nsec = 2000000};
    unsigned inside = 0, complete = 0;
    signals = 0;
    timer_t timer;
    require_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    require_equal(timer_settime(timer, 0, &often, NULL), 0);
    while (signals < SIGNALS && inside < 100) {
        struct timespec now;
        depth = 0;
        clock_gettime(CLOCK_MONOTONIC, &now);
        atomic_signal_fence(memory_order_seq_cst);
        const bool is_inside = depth > 0 && pcs[0] - vdso < VDSO_BYTES;
        inside += is_inside;
        complete += is_inside && facts.end == SP_STACK_COMPLETE;
    }
    timer_delete(timer);
    if (inside == 0)
        printf("no signal found the thread in the vDSO: the kernel's clock is not read there\n");
    require_equal(complete, inside);
}

int main(void)
{
    const struct sigaction action = {.sa_sigaction = walk_here, .sa_flags = SA_SIGINFO};
    require_equal(sigaction(SIGUSR1, &action, NULL), 0);
    require_equal(sp_object_list_refresh(), 0);
    test_walk_reaches_the_start();
    test_walk_of_a_thread();
    test_walk_keeps_rules();
    test_walk_from_the_vdso();
    return 0;
}
