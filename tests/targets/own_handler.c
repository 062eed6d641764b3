/*
 * own_handler HOW MS: changes the disposition of SIGPROF in main, as a program may that knows of no profiler, burns MS
 * of CPU time, then sends itself one, unless that would be its end.
 *
 * HOW: sigaction, signal: a handler of its own (coreutils' sort has one that ends it); default; ignore. Prints how many
 * came, and whether the disposition that it reads back is the one that it has set.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_sigprof}, back = {0};
    if (argc != 3)
        return 2;
    if (strcmp(argv[1], "default") == 0)
        action.sa_handler = SIG_DFL;
    else if (strcmp(argv[1], "ignore") == 0)
        action.sa_handler = SIG_IGN;
    if (strcmp(argv[1], "signal") == 0)
        signal(SIGPROF, on_sigprof);
    else
        sigaction(SIGPROF, &action, NULL);
    sigaction(SIGPROF, NULL, &back);
    for (const int64_t end_ns = process_cpu_ns() + atoll(argv[2]) * 1000000; process_cpu_ns() < end_ns;)
        own_spin();
    if (action.sa_handler != SIG_DFL)
        raise(SIGPROF);
    printf("handled=%d is_back=%d cpu_ns=%lld\n", atomic_load(&handled), back.sa_handler == action.sa_handler,
           (long long)process_cpu_ns());
    return 0;
}
