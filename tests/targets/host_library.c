/*
 * A library of the host: its constructor runs before the profiler's, its destructor after the profiler's.
 *
 * Environment: HOST_HANDLER=1 has the constructor install a handler for SIGPROF; HOST_EARLY=N (which needs the handler:
 * nothing else is there yet) has a thread send N SIGPROFs to itself from then on; HOST_LATE=N has the destructor raise
 * N.
 */
#include "host_library.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long handled, with_info;
static pthread_t early;
static atomic_int is_early_begun;
static long early_count;

static long number(const char *name)
{
    const char *text = getenv(name);
    return text != NULL ? atol(text) : 0;
}

static void on_sigprof(int signal_number, siginfo_t *info, void *context)
{
    atomic_fetch_add(&handled, 1);
    if (info != NULL && info->si_signo == signal_number && context != NULL)
        atomic_fetch_add(&with_info, 1);
}

long host_handled(void)
{
    return atomic_load(&handled);
}

static void *send_early(void *unused)
{
    for (long i = 0; i < early_count; i++) {
        syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGPROF);
        atomic_store(&is_early_begun, 1);
        if (i % 16 == 0)
            usleep(100); /* goes on into the session's beginning, and into main */
    }
    return unused;
}

__attribute__((constructor)) static void begin(void)
{
    struct sigaction action = {.sa_sigaction = on_sigprof, .sa_flags = SA_SIGINFO | SA_RESTART};
    if (number("HOST_HANDLER") != 0)
        sigaction(SIGPROF, &action, NULL);
    early_count = number("HOST_EARLY");
    if (early_count > 0 && pthread_create(&early, NULL, send_early, NULL) == 0)
        while (!atomic_load(&is_early_begun))
            usleep(100);
}

__attribute__((destructor)) static void end(void)
{
    if (early_count > 0)
        pthread_join(early, NULL);
    const long late = number("HOST_LATE");
    for (long i = 0; i < late; i++)
        raise(SIGPROF);
    printf("handled=%ld with_info=%ld\n", atomic_load(&handled), atomic_load(&with_info));
    fflush(stdout);
}
