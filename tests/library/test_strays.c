/*
 * SIGPROF that is not ours, and ours that comes late. The first goes to the handler that the host had, if it had one;
 * neither is fatal or counts as CPU time. A host without a handler has never called sigaction: SIGPROF would end it,
 * and does so before its first session, which is its own affair.
 */
#include "sigprof/sigprof.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "require.h"

static atomic_uint host_calls;

static void host_handler(int signal_number)
{
    (void)signal_number;
    atomic_fetch_add(&host_calls, 1);
}

static struct sigprof_statistics statistics_now(void)
{
    struct sigprof_statistics statistics = {.struct_bytes = sizeof statistics};
    require_equal(sigprof_statistics(&statistics), 0);
    return statistics;
}

static void start_slow(void)
{
    struct sigprof_options options;
    sigprof_options_init(&options);
    options.rate_hz = 1; /* nothing fires meanwhile: what arrives is the test's */
    require_equal(sigprof_start(&options), 0);
}

static void send_strays(void)
{
    union sigval value = {.sival_int = 7};
    for (int i = 0; i < 10; i++) {
        raise(SIGPROF);
        kill(getpid(), SIGPROF);
        sigqueue(getpid(), SIGPROF, value);
    }
}

/* 20 signals of a timer that knows nothing of us. */
static void run_foreign_timer(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGPROF};
    const struct itimerspec every_ms = {.it_interval = {.tv_nsec = 1000000}, .it_value = {.tv_nsec = 1000000}};
    const unsigned before = atomic_load(&host_calls);
    timer_t timer;
    event.sigev_value.sival_int = 12345;
    require_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    require_equal(timer_settime(timer, 0, &every_ms, NULL), 0);
    while (atomic_load(&host_calls) - before < 20)
        usleep(1000);
    timer_delete(timer);
}

static void test_host_with_handler(void)
{
    struct sigaction host = {.sa_handler = host_handler, .sa_flags = SA_RESTART}, now;
    require_equal(sigaction(SIGPROF, &host, NULL), 0);
    send_strays();
    require_equal(atomic_load(&host_calls), 30);
    start_slow();
    const uint64_t strays = statistics_now().stray_signals;
    send_strays();
    require_equal(atomic_load(&host_calls), 60);
    require_equal(statistics_now().stray_signals - strays, 30);
    run_foreign_timer();
    require_equal(sigprof_stop(), 0);
    require(statistics_now().fired <= 1); /* at 1 Hz, in less than 2 s of CPU time */
    require_equal(sigaction(SIGPROF, NULL, &now), 0);
    require(now.sa_handler == host_handler);
    const unsigned before = atomic_load(&host_calls);
    send_strays();
    require_equal(atomic_load(&host_calls) - before, 30);
}

static void test_host_that_ignores(void)
{
    struct sigaction now;
    signal(SIGPROF, SIG_IGN);
    start_slow();
    send_strays();
    require_equal(sigprof_stop(), 0);
    require_equal(sigaction(SIGPROF, NULL, &now), 0);
    require(now.sa_handler == SIG_IGN);
    send_strays();
}

static void test_host_without_handler(void)
{
    signal(SIGPROF, SIG_DFL);
    start_slow();
    send_strays();
    require_equal(sigprof_stop(), 0);
    send_strays();
    start_slow(); /* and once more, with what was left in place */
    send_strays();
    require_equal(sigprof_stop(), 0);
    send_strays();
}

/* A host that sets its own handler while a session runs keeps it. */
static void test_host_that_takes_the_signal(void)
{
    struct sigaction now;
    start_slow();
    signal(SIGPROF, host_handler);
    require_equal(sigprof_stop(), 0);
    require_equal(sigaction(SIGPROF, NULL, &now), 0);
    require(now.sa_handler == host_handler);
}

/* libc's sigaction by the name that is not interposed: what a runtime with system calls of its own does. */
extern int __sigaction(int signal_number, const struct sigaction *action, struct sigaction *before);

static struct sigaction predecessor;

/* Passes everything on, as a careful host does; what it gets back it would pass on again. */
static void passing_handler(int signal_number, siginfo_t *info, void *context)
{
    atomic_fetch_add(&host_calls, 1);
    if ((predecessor.sa_flags & SA_SIGINFO) != 0)
        predecessor.sa_sigaction(signal_number, info, context);
}

static void wait_until_in_front(const struct sigaction *theirs)
{
    struct sigaction now;
    do {
        usleep(1000);
        require_equal(__sigaction(SIGPROF, NULL, &now), 0);
    } while (now.sa_sigaction == theirs->sa_sigaction);
}

/* A host that sets its own handler past our sigaction: ours comes in front again, and both get their signals. */
static void test_host_past_our_sigaction(void)
{
    struct sigaction theirs = {.sa_sigaction = passing_handler, .sa_flags = SA_SIGINFO | SA_RESTART}, now;
    struct sigprof_options options;
    signal(SIGPROF, SIG_IGN);
    sigprof_options_init(&options);
    options.rate_hz = 1000;
    require_equal(sigprof_start(&options), 0);
    require_equal(__sigaction(SIGPROF, &theirs, &predecessor), 0);
    require(predecessor.sa_sigaction != NULL && (predecessor.sa_flags & SA_SIGINFO) != 0); /* it is ours */
    wait_until_in_front(&theirs);
    const unsigned before = atomic_load(&host_calls);
    const uint64_t fired = statistics_now().fired;
    send_strays();
    require_equal(atomic_load(&host_calls) - before, 30);
    burn(0.1);
    require_equal(atomic_load(&host_calls) - before, 30); /* our samples are not theirs */
    require(statistics_now().fired - fired >= 10);
    require_equal(sigprof_stop(), 0);
    require_equal(__sigaction(SIGPROF, NULL, &now), 0);
    require(now.sa_sigaction == passing_handler);
    send_strays();
    require_equal(atomic_load(&host_calls) - before, 60);
    signal(SIGPROF, SIG_DFL);
}

static pthread_barrier_t steps;

/* Holds SIGPROF back while a session runs, and lets it in when it is over. */
static void *hold_back(void *unused)
{
    sigset_t set, pending;
    (void)unused;
    sigemptyset(&set);
    sigaddset(&set, SIGPROF);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_barrier_wait(&steps);
    pthread_barrier_wait(&steps); /* it runs */
    burn(0.05);
    sigpending(&pending);
    require_equal(sigismember(&pending, SIGPROF), 1);
    pthread_barrier_wait(&steps);
    pthread_barrier_wait(&steps); /* it is over */
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    burn(0.01);
    return NULL;
}

static void test_late_signal_is_not_fatal(void)
{
    struct sigprof_options options;
    pthread_t thread;
    signal(SIGPROF, SIG_DFL);
    sigprof_options_init(&options);
    options.rate_hz = 1000;
    require_equal(pthread_barrier_init(&steps, NULL, 2), 0);
    require_equal(pthread_create(&thread, NULL, hold_back, NULL), 0);
    pthread_barrier_wait(&steps);
    require_equal(sigprof_start(&options), 0);
    pthread_barrier_wait(&steps);
    pthread_barrier_wait(&steps);
    require_equal(sigprof_stop(), 0);
    pthread_barrier_wait(&steps);
    require_equal(pthread_join(thread, NULL), 0);
    pthread_barrier_destroy(&steps);
}

int main(void)
{
    test_host_with_handler();
    test_host_that_ignores();
    test_host_without_handler();
    test_host_that_takes_the_signal();
    test_host_past_our_sigaction();
    test_late_signal_is_not_fatal();
    return 0;
}
