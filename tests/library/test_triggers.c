/*
 * The triggers by hand: which one serves, why not another, and that the weight is the CPU time with each.
 *
 * About the bound: a thread's samples are less than one period off its clock. Two threads, 1 s together: 2 ms of it at
 * 1000 Hz. ±2 % is for what the start and the stop of the session use themselves.
 */
#include "sigprof/sigprof.h"

#include <pthread.h>

#include "require.h"

static const double each_s = 0.5, share = 0.02;

static double process_cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static uint64_t tick_ns(void)
{
    struct timespec tick;
    clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
    return (uint64_t)tick.tv_sec * 1000000000 + (uint64_t)tick.tv_nsec;
}

static void *burn_its_part(void *unused)
{
    burn(each_s);
    return unused;
}

/* The statistics of a session in which two threads work; all that is told of any trigger is checked. */
static struct sigprof_statistics run(uint32_t trigger, uint32_t rate_hz)
{
    struct sigprof_statistics statistics = {.struct_bytes = sizeof statistics};
    struct sigprof_options options;
    pthread_t thread;
    sigprof_options_init(&options);
    options.trigger = trigger;
    options.rate_hz = rate_hz;
    require_equal(sigprof_start(&options), 0);
    const double begin_s = process_cpu_seconds();
    require_equal(pthread_create(&thread, NULL, burn_its_part, NULL), 0);
    burn(each_s);
    require_equal(pthread_join(thread, NULL), 0);
    const double used_s = process_cpu_seconds() - begin_s;
    require_equal(sigprof_stop(), 0);
    require_equal(sigprof_statistics(&statistics), 0);
    const double found_s = (double)statistics.recorded_weight * (double)statistics.period_ns * 1e-9;
    const double slack_s = share * used_s + 2e-9 * (double)statistics.period_ns;
    printf("trigger %u at %u Hz: %u, %.3f s of %.3f s; lost %llu busy, %llu full, %llu no place\n", trigger, rate_hz,
           statistics.trigger, found_s, used_s, (unsigned long long)statistics.lost_busy,
           (unsigned long long)statistics.lost_full, (unsigned long long)statistics.lost_no_place);
    require(found_s >= used_s - slack_s && found_s <= used_s + slack_s);
    require_equal(statistics.fired, statistics.recorded);
    require_equal(statistics.fired_weight, statistics.recorded_weight);
    require(statistics.settled <= statistics.recorded && statistics.settled_weight <= statistics.recorded_weight);
    require_equal(statistics.tick_ns, tick_ns());
    require_equal(statistics.threads_untimed, 0);
    return statistics;
}

static void test_timer(void)
{
    const struct sigprof_statistics statistics = run(LIBSIGPROF_TRIGGER_TIMER, 1000);
    require_equal(statistics.trigger, LIBSIGPROF_TRIGGER_TIMER);
    require_equal(statistics.perf_error, 0); /* it was not asked for */
    require_equal(statistics.threads_unperfed, 0);
}

/* Whether perf events are to be had here. */
static bool test_perf(void)
{
    const struct sigprof_statistics statistics = run(LIBSIGPROF_TRIGGER_PERF, 1000);
    if (statistics.perf_error == 0) {
        require_equal(statistics.trigger, LIBSIGPROF_TRIGGER_PERF);
        require_equal(statistics.threads_unperfed, 0);
        return true;
    }
    printf("perf events are refused here: %s\n", strerror((int)statistics.perf_error));
    require_equal(statistics.trigger, LIBSIGPROF_TRIGGER_TIMER);
    require(statistics.threads_unperfed >= 1);
    return false;
}

/* Up to the tick rate a timer gives what is asked for; above it only a perf event does. */
static void test_auto(bool has_perf)
{
    const uint32_t tick_hz = (uint32_t)(1000000000 / tick_ns());
    require_equal(run(LIBSIGPROF_TRIGGER_AUTO, tick_hz).trigger, LIBSIGPROF_TRIGGER_TIMER);
    require_equal(run(LIBSIGPROF_TRIGGER_AUTO, 4 * tick_hz).trigger,
                  has_perf ? LIBSIGPROF_TRIGGER_PERF : LIBSIGPROF_TRIGGER_TIMER);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0); /* what was found is to be seen also when a check ends the program */
    test_timer();
    test_auto(test_perf());
    return 0;
}
