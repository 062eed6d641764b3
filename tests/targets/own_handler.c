/*
 * own_handler HOW MS: changes the disposition of SIGPROF in main, as a program may that knows of no profiler, burns MS
 * of CPU time, then sends itself one, unless that would be its end.
 *
 * HOW: sigaction, signal: a handler of its own (coreutils' sort has one that ends it); default; ignore, signal-ignore.
 * Prints how many came, and whether the disposition that it reads back is the one that it has set. raw-sigaction and
 * raw-ignore do it by the bare system call, which no library stands in front of.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_int handled;

static void on_sigprof(int number)
{
    atomic_fetch_add(&handled, number == SIGPROF);
}

static int64_t process_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

__attribute__((noinline)) static void own_spin(void)
{
    for (volatile int i = 0; i < 100000; i++)
        ;
}

/* Puts another handler into the disposition that is there, which already has a way to return from one. */
static void set_raw(void (*handler)(int))
{
    struct kernel_sigaction {
        void (*handler)(int);
        unsigned long flags;
        void (*restorer)(void);
        uint64_t mask;
    } action;
    syscall(SYS_rt_sigaction, SIGPROF, NULL, &action, sizeof action.mask);
    action.handler = handler;
    syscall(SYS_rt_sigaction, SIGPROF, &action, NULL, sizeof action.mask);
}

static void set(const char *how, void (*handler)(int))
{
    const struct sigaction action = {.sa_handler = handler};
    if (strncmp(how, "raw", 3) == 0)
        set_raw(handler);
    else if (strncmp(how, "signal", 6) == 0)
        signal(SIGPROF, handler);
    else
        sigaction(SIGPROF, &action, NULL);
}

int main(int argc, char **argv)
{
    struct sigaction back = {0};
    void (*handler)(int) = on_sigprof;
    if (argc != 3)
        return 2;
    if (strcmp(argv[1], "default") == 0)
        handler = SIG_DFL;
    else if (strstr(argv[1], "ignore") != NULL)
        handler = SIG_IGN;
    set(argv[1], handler);
    sigaction(SIGPROF, NULL, &back);
    for (const int64_t end_ns = process_cpu_ns() + atoll(argv[2]) * 1000000; process_cpu_ns() < end_ns;)
        own_spin();
    if (handler != SIG_DFL)
        raise(SIGPROF);
    printf("handled=%d is_back=%d cpu_ns=%lld\n", atomic_load(&handled), back.sa_handler == handler,
           (long long)process_cpu_ns());
    return 0;
}
