/*
 * foreign_sigprof HOW N MS: sends itself SIGPROFs that are no profiler's.
 *
 * HOW: kill, raise, tgkill: N of them, then sleeps until MS have gone by, sending now and then, so that some arrive
 * after a session that ends before. monotonic: a timer sends one per ms for MS while the process sleeps. cpu, itimer:
 * a timer on the process's CPU time sends one per ms for MS of CPU time in foreign_spin. Before main a thread of a
 * constructor sends 200 to itself. Prints how many it knows to have sent and what CPU time the kernel has counted.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "host_library.h"

enum { BEFORE_MAIN = 200, EVERY_US = 5000 };

static long sent;
static volatile uint64_t sink;

static int64_t now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void *send_before_main(void *unused)
{
    for (int i = 0; i < BEFORE_MAIN; i++, sent++)
        syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGPROF);
    return unused;
}

__attribute__((constructor)) static void begin(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, send_before_main, NULL) == 0)
        pthread_join(thread, NULL);
}

static void send_one(const char *how)
{
    if (strcmp(how, "kill") == 0)
        kill(getpid(), SIGPROF); /* one thread, SIGPROF unblocked: delivered before kill returns (POSIX) */
    else if (strcmp(how, "raise") == 0)
        raise(SIGPROF);
    else
        syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGPROF);
    sent++;
}

static void send_many(const char *how, long n, int64_t until_ns)
{
    for (long i = 0; i < n; i++)
        send_one(how);
    while (now_ns(CLOCK_MONOTONIC) < until_ns) {
        usleep(EVERY_US);
        send_one(how);
    }
}

static void start_timer(clockid_t clock)
{
    const struct itimerspec every_ms = {.it_interval = {.tv_nsec = 1000000}, .it_value = {.tv_nsec = 1000000}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGPROF};
    timer_t timer;
    if (timer_create(clock, &event, &timer) != 0 || timer_settime(timer, 0, &every_ms, NULL) != 0)
        exit(4);
}

__attribute__((noinline)) static void foreign_spin(void)
{
    uint64_t x = sink | 1;
    for (int i = 0; i < 100000; i++)
        x = x * 6364136223846793005u + 1442695040888963407u;
    sink = x;
}

static void burn(int64_t cpu_ns)
{
    while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < cpu_ns)
        foreign_spin();
}

int main(int argc, char **argv)
{
    const struct itimerval every_ms = {{.tv_usec = 1000}, {.tv_usec = 1000}};
    struct rusage used;
    if (argc != 4)
        return 2;
    const int64_t ns = atoll(argv[3]) * 1000000, until_ns = now_ns(CLOCK_MONOTONIC) + ns;
    if (strcmp(argv[1], "monotonic") == 0) {
        start_timer(CLOCK_MONOTONIC);
        while (now_ns(CLOCK_MONOTONIC) < until_ns)
            usleep(50000);
    } else if (strcmp(argv[1], "cpu") == 0) {
        start_timer(CLOCK_PROCESS_CPUTIME_ID);
        burn(ns);
    } else if (strcmp(argv[1], "itimer") == 0) {
        setitimer(ITIMER_PROF, &every_ms, NULL);
        burn(ns);
    } else {
        send_many(argv[1], atol(argv[2]), until_ns);
    }
    getrusage(RUSAGE_SELF, &used);
    const long long us =
        (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000LL + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
    printf("sent=%ld seen_in_main=%ld cpu_ns=%lld\n", sent, host_handled(), us * 1000);
    fflush(stdout);
    return 0;
}
