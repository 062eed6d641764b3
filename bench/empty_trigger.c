/*
 * A CPU timer or a perf event with a handler that only counts; see empty_trigger.h.
 *
 * Place: benchmarks only. Context: ordinary code; the handler runs on the one thread that has the trigger.
 */
#include "empty_trigger.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id /* glibc before 2.40 has the field, without its name */
#define sigev_notify_thread_id _sigev_un._tid
#endif

static volatile uint64_t n_signals;

static void empty_handler(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
    n_signals++;
}

static int start_timer(int64_t period_ns)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGPROF};
    const struct timespec period = {period_ns / 1000000000, period_ns % 1000000000};
    const struct itimerspec times = {period, period};
    timer_t timer;
    event.sigev_notify_thread_id = gettid();
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) != 0 || timer_settime(timer, 0, &times, NULL) != 0)
        return -errno;
    return 0;
}

static int start_perf(int64_t period_ns)
{
    struct perf_event_attr attributes = {
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof attributes,
        .config = PERF_COUNT_SW_TASK_CLOCK,
        .sample_period = (uint64_t)period_ns,
        .exclude_kernel = 1,
        .exclude_hv = 1,
        .wakeup_events = 1,
    };
    const struct f_owner_ex owner = {F_OWNER_TID, gettid()};
    const int fd = (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0 || fcntl(fd, F_SETSIG, SIGPROF) != 0 || fcntl(fd, F_SETOWN_EX, &owner) != 0 ||
        fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK | O_ASYNC) != 0)
        return -errno;
    return 0;
}

int empty_trigger_start(const char *kind, int64_t period_ns)
{
    struct sigaction empty = {.sa_sigaction = empty_handler, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    sigfillset(&empty.sa_mask);
    if (sigaction(SIGPROF, &empty, NULL) != 0)
        return -errno;
    if (strcmp(kind, "timer") == 0)
        return start_timer(period_ns);
    if (strcmp(kind, "perf") == 0)
        return start_perf(period_ns);
    return -EINVAL;
}

uint64_t empty_trigger_signals(void)
{
    return n_signals;
}
