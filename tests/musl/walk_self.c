/*
 * Walks its own stack from a signal handler, built with musl. Exits with 0 when the walk found each function that was
 * called, in order, by its exact return address; else it says what it found and exits with 1.
 *
 * usage: walk_self
 *
 * The signal is sent by a bare system call, so that the innermost frame is ours: musl's own functions may lack tables.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "handler/raw_calls.h"
#include "handler/unwind.h"
#include "session/object_list.h"

enum { CALLS = 40, MAX_DEPTH = 128, STACK_BYTES = 1 << 20 };

/* What was called, innermost first, by return addresses; filled in on the way down. */
static uint64_t expected[CALLS + 1];
static uint32_t n_expected;

static uint64_t pcs[MAX_DEPTH];
static uint32_t depth;
static struct sp_walk_facts facts;

static struct sp_stack_bounds stack; /* what stands below the arguments */

static void walk(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    depth = sp_unwind(context, &stack, NULL, pcs, MAX_DEPTH, &facts);
}

static void note_caller(void *address)
{
    memmove(expected + 1, expected, n_expected * sizeof *expected);
    expected[0] = (uint64_t)(uintptr_t)address;
    n_expected++;
}

__attribute__((noinline)) static void bottom(void)
{
    note_caller(__builtin_return_address(0));
    sp_syscall4(__NR_tgkill, getpid(), sp_raw_thread_id(), SIGUSR1, 0);
    __asm__ volatile("" ::: "memory");
}

/* Two functions of different frames, by turns. */
__attribute__((noinline)) static void small(int calls);

__attribute__((noinline)) static void large(int calls)
{
    char room[1000];
    note_caller(__builtin_return_address(0));
    __asm__ volatile("" : : "r"(room) : "memory");
    small(calls - 1);
    __asm__ volatile("" : : "r"(room) : "memory");
}

__attribute__((noinline)) static void small(int calls)
{
    note_caller(__builtin_return_address(0));
    if (calls > 1)
        large(calls - 1);
    else
        bottom();
    __asm__ volatile("" ::: "memory");
}

static int complain(const char *what, uint32_t at)
{
    fprintf(stderr, "%s at frame %u of %u (end %d)\n", what, at, depth, (int)facts.end);
    for (uint32_t i = 0; i < depth; i++)
        fprintf(stderr, "  %2u %llx %llx\n", i, (unsigned long long)pcs[i],
                i > 0 && i <= n_expected ? (unsigned long long)expected[i - 1] : 0ull);
    return 1;
}

int main(int argc, char **argv)
{
    stack = (struct sp_stack_bounds){(uintptr_t)argv - STACK_BYTES, (uintptr_t)argv};
    (void)argc;
    const struct sigaction action = {.sa_sigaction = walk, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    if (sp_object_list_refresh() != 0)
        return complain("the list of objects could not be made", 0);
    small(CALLS - 1);
    if (n_expected != CALLS)
        return complain("the program has made other calls than it should", 0);
    for (uint32_t i = 0; i < n_expected; i++)
        if (i + 1 >= depth || pcs[i + 1] != expected[i])
            return complain("not the caller", i + 1);
    printf("%u frames, end %d\n", depth, (int)facts.end);
    return 0;
}
