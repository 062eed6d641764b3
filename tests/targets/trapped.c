/*
 * trapped MS: stops at the first instruction of the function trapped_first, by a signal, and uses MS of CPU time in the
 * handler. In front of that instruction stands another function, trapped_before: so the address less one is in the
 * wrong one. Built without frame pointers.
 */
#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>

#include "cpu_work.h"

#if defined(__x86_64__)
#define TRAP "ud2"
enum { TRAP_BYTES = 2 };
#define PC(context) ((context)->uc_mcontext.gregs[REG_RIP])
#else
#define TRAP ".inst 0"
enum { TRAP_BYTES = 4 };
#define PC(context) ((context)->uc_mcontext.pc)
#endif

#define FUNCTION(name, body)                                                                                   \
    ".globl " name "\n.hidden " name "\n.type " name ", %function\n" name ":\n.cfi_startproc\n" body "\nret\n" \
    ".cfi_endproc\n.size " name ", .-" name "\n"

void trapped_first(void);
__asm__(".text\n.p2align 4\n" FUNCTION("trapped_before", "nop") FUNCTION("trapped_first", TRAP));

static volatile uint64_t sink;
static int64_t wanted_ns;

static void trapped_handler(int number, siginfo_t *info, void *user)
{
    ucontext_t *context = user;
    (void)number;
    (void)info;
    work_cpu_ns(wanted_ns, &sink);
    PC(context) += TRAP_BYTES;
}

__attribute__((noinline)) static void trapped_caller(void)
{
    trapped_first();
    __asm__ volatile("" ::: "memory"); /* no tail call */
}

int main(int argc, char **argv)
{
    const struct sigaction action = {.sa_sigaction = trapped_handler, .sa_flags = SA_SIGINFO};
    if (argc != 2 || sigaction(SIGILL, &action, NULL) != 0)
        return 2;
    wanted_ns = atoll(argv[1]) * 1000000;
    trapped_caller();
    print_rusage();
    return 0;
}
