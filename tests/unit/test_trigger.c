/*
 * Real timers and real perf events of the test's own threads. Where the kernel gives no perf events (an emulator), what
 * needs them is left out, and said.
 */
#include "handler/trigger.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "handler/pace.h"
#include "handler/threads.h"
#include "small_segment.h"

enum { FD_LOW = 200, FD_HIGH = 1000 };

static struct sp_segment new_perf_segment(void)
{
    struct sp_segment segment = new_segment((struct small_segment){0});
    sp_store_relaxed(&segment.header->trigger, (uint32_t)SP_TRIGGER_PERF);
    sp_store_relaxed(&segment.header->trigger_asked, (uint32_t)SP_TRIGGER_AUTO);
    sp_store_relaxed(&segment.header->perf_fd_low, (uint32_t)FD_LOW);
    sp_store_relaxed(&segment.header->perf_fd_high, (uint32_t)FD_HIGH);
    return segment;
}

static const struct sp_birth self = {.is_self = true};

static struct sp_slot *arm_self(struct sp_segment *segment, uint32_t *slot)
{
    *slot = sp_thread_arm(segment, (int32_t)gettid(), &self);
    assert_true(*slot != 0 && *slot != SP_ARM_BUSY);
    return sp_segment_slot(segment, *slot);
}

/* Whether there are perf events here; tests that need them end where there are none. */
static bool has_perf(const struct sp_slot *at)
{
    const bool has = sp_load_relaxed(&at->perf_fd) >= 0;
    if (!has)
        print_message("no perf events here: errno %d\n", sp_load_relaxed(&at->error));
    return has;
}

static void test_trigger_perf_event_is_out_of_the_hosts_way(void **state)
{
    (void)state;
    uint32_t slot;
    struct sp_segment segment = new_perf_segment();
    const struct sp_slot *at = arm_self(&segment, &slot);
    const int fd = sp_load_relaxed(&at->perf_fd);
    if (has_perf(at)) {
        struct f_owner_ex owner;
        assert_in_range(fd, FD_LOW, FD_HIGH - 1);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal(fcntl(fd, F_GETSIG), SIGPROF);
        assert_int_equal(fcntl(fd, F_GETOWN_EX, &owner), 0);
        assert_int_equal(owner.type, F_OWNER_TID);
        assert_int_equal(owner.pid, gettid());
        assert_int_equal(sp_trigger_slot_of(&segment, fd), slot);
        assert_int_equal(sp_load_relaxed(&at->timer), -1);
        assert_true(sp_trigger_is_on(at));
    }
    sp_thread_disarm(&segment, slot, SP_END_OTHER, &segment.header->stripes[0]);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_int_equal(sp_trigger_slot_of(&segment, fd), 0);
    free_segment(&segment);
}

/* The host closes what it does not know, and gets the number for a file of its own: that is not ours to close. */
static void test_trigger_hosts_descriptor_is_left_alone(void **state)
{
    (void)state;
    uint32_t slot;
    struct sp_segment segment = new_perf_segment();
    const struct sp_slot *at = arm_self(&segment, &slot);
    const int fd = sp_load_relaxed(&at->perf_fd);
    if (has_perf(at)) {
        const int own = open("/dev/null", O_RDONLY);
        assert_int_equal(dup2(own, fd), fd);
        sp_trigger_stop(&segment, slot);
        assert_int_equal(fcntl(fd, F_GETFD), 0);
        close(fd);
        close(own);
    }
    sp_thread_disarm(&segment, slot, SP_END_GONE, NULL);
    free_segment(&segment);
}

static void test_trigger_closed_event_is_mended_by_a_timer(void **state)
{
    (void)state;
    uint32_t slot;
    struct sp_segment segment = new_perf_segment();
    const struct sp_slot *at = arm_self(&segment, &slot);
    const int fd = sp_load_relaxed(&at->perf_fd);
    if (has_perf(at)) {
        sp_trigger_mend(&segment, slot);
        assert_int_equal(sp_load_relaxed(&at->perf_fd), fd);
        close(fd);
        sp_trigger_mend(&segment, slot);
        assert_int_equal(sp_load_relaxed(&at->perf_fd), -1);
        assert_true(sp_load_relaxed(&at->timer) >= 0);
        assert_int_equal(sp_trigger_slot_of(&segment, fd), 0);
    }
    sp_thread_disarm(&segment, slot, SP_END_OTHER, &segment.header->stripes[0]);
    free_segment(&segment);
}

static void test_trigger_without_descriptors_is_a_timer(void **state)
{
    (void)state;
    uint32_t slot;
    struct sp_segment segment = new_perf_segment();
    sp_store_relaxed(&segment.header->perf_fd_high, (uint32_t)FD_LOW);
    const struct sp_slot *at = arm_self(&segment, &slot);
    assert_int_equal(sp_load_relaxed(&at->perf_fd), -1);
    assert_true(sp_load_relaxed(&at->timer) >= 0);
    assert_int_equal(sp_load_relaxed(&segment.header->perf_refused), 1);
    assert_int_not_equal(sp_load_relaxed(&segment.header->perf_error), 0);
    assert_int_equal(fcntl(FD_LOW, F_GETFD), -1);
    sp_thread_disarm(&segment, slot, SP_END_GONE, NULL);
    free_segment(&segment);
}

/* In a child, for limits that cannot be taken back. `body` returns its exit status. */
static void in_child(int (*body)(void))
{
    int status;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(body());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static int with_no_timers(uint32_t asked, bool wants_event)
{
    const struct rlimit none = {0, 0};
    uint32_t slot;
    struct sp_segment segment = new_perf_segment();
    sp_store_relaxed(&segment.header->trigger, (uint32_t)SP_TRIGGER_TIMER);
    sp_store_relaxed(&segment.header->trigger_asked, asked);
    if (setrlimit(RLIMIT_SIGPENDING, &none) != 0)
        return 1;
    const struct sp_slot *at = arm_self(&segment, &slot);
    if (sp_load_relaxed(&at->timer) >= 0) /* an emulator that knows no such limit */
        return 0;
    if (sp_load_relaxed(&segment.header->timer_error) != EAGAIN)
        return 2;
    if ((sp_load_relaxed(&at->perf_fd) >= 0) == wants_event)
        return sp_load_relaxed(&segment.header->timers_refused) == (wants_event ? 0 : 1) ? 0 : 3;
    return wants_event && sp_load_relaxed(&at->error) != EAGAIN ? 0 : 4; /* no perf events here */
}

static int timers_refused(void)
{
    return with_no_timers(SP_TRIGGER_AUTO, true);
}

static int timers_refused_and_asked_for(void)
{
    return with_no_timers(SP_TRIGGER_TIMER, false);
}

static void test_trigger_perf_event_serves_for_a_refused_timer(void **state)
{
    (void)state;
    in_child(timers_refused);
}

static void test_trigger_timer_by_name_is_no_perf_event(void **state)
{
    (void)state;
    in_child(timers_refused_and_asked_for);
}

static int under_seccomp(void)
{
    struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {1, &allow};
    uint32_t slot;
    struct sp_segment segment = new_perf_segment();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        return 0; /* an emulator */
    const struct sp_slot *at = arm_self(&segment, &slot);
    const bool is_right = sp_load_relaxed(&at->perf_fd) < 0 && sp_load_relaxed(&at->timer) >= 0 &&
                          sp_load_relaxed(&segment.header->perf_error) == SP_PERF_UNDER_SECCOMP;
    return is_right ? 0 : 1;
}

/* A filter may end the process for a call that it does not know. */
static void test_trigger_perf_event_is_not_tried_under_seccomp(void **state)
{
    (void)state;
    in_child(under_seccomp);
}

static void ignore_signal(int signal_number)
{
    (void)signal_number;
}

static struct {
    struct sp_segment segment;
    pthread_barrier_t used;
    pid_t tid;
    int result;
} sleeper;

static uint64_t thread_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void *use_and_sleep(void *unused)
{
    (void)unused;
    const struct timespec while_armed = {.tv_nsec = 100000000};
    sleeper.tid = gettid();
    while (thread_cpu_ns() < 3 * sleeper.segment.geometry.period_ns)
        ;
    pthread_barrier_wait(&sleeper.used);
    sleeper.result = nanosleep(&while_armed, NULL);
    return NULL;
}

/* It has used three periods when it is found: a timer set to the first of them would fire, and end its sleep. */
static void test_trigger_late_timer_does_not_wake_a_sleeper(void **state)
{
    (void)state;
    pthread_t thread;
    const struct sigaction action = {.sa_handler = ignore_signal};
    struct sigaction before;
    sigaction(SIGPROF, &action, &before);
    sleeper.segment = new_segment((struct small_segment){0});
    sleeper.segment.geometry.period_ns = 20000000;
    pthread_barrier_init(&sleeper.used, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, use_and_sleep, NULL), 0);
    pthread_barrier_wait(&sleeper.used);
    usleep(20000); /* it sleeps now; if not yet, the test cannot fail, but neither does it fail wrongly */
    const uint32_t slot = sp_thread_arm(&sleeper.segment, sleeper.tid, NULL);
    assert_true(slot != 0);
    assert_int_equal(sp_load_relaxed(&sp_segment_slot(&sleeper.segment, slot)->is_first_pending), 1);
    pthread_join(thread, NULL);
    assert_int_equal(sleeper.result, 0);
    sp_thread_disarm(&sleeper.segment, slot, SP_END_GONE, NULL);
    free_segment(&sleeper.segment);
    sigaction(SIGPROF, &before, NULL);
}

/* Arms with SIGPROF blocked: the si_code of the signal that is pending then, or 0; `fd` gets the event's descriptor. */
static int code_after_arming(struct sp_segment *segment, int32_t tid, const struct sp_birth *birth, int *fd)
{
    sigset_t profiling, before;
    siginfo_t info;
    const struct timespec at_once = {0};
    sigemptyset(&profiling);
    sigaddset(&profiling, SIGPROF);
    pthread_sigmask(SIG_BLOCK, &profiling, &before);
    const uint32_t slot = sp_thread_arm(segment, tid, birth);
    assert_true(slot != 0 && slot != SP_ARM_BUSY);
    *fd = sp_load_relaxed(&sp_segment_slot(segment, slot)->perf_fd);
    const bool is_pending = sigtimedwait(&profiling, &info, &at_once) == SIGPROF;
    sp_trigger_stop(segment, slot);
    sp_thread_disarm(segment, slot, SP_END_GONE, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!is_pending || *fd < 0)
        return 0;
    assert_int_equal(info.si_fd, *fd);
    return info.si_code;
}

/* A thread that owes periods when it gets its event has its signal at once; one that owes nothing, or is another: not.
 */
static void test_trigger_account_that_is_behind_is_paid_at_once(void **state)
{
    (void)state;
    static const struct sp_birth now = {.is_self = true, .is_from_now = true};
    static const struct sp_birth another = {.is_self = false};
    int fd;
    struct sp_segment segment = new_perf_segment();
    segment.geometry.period_ns = 50000000; /* the next is due long after the last of these */
    while (thread_cpu_ns() < 2 * segment.geometry.period_ns)
        ;
    const int code = code_after_arming(&segment, (int32_t)gettid(), &self, &fd);
    if (fd >= 0) {
        assert_int_equal(code, SP_POLL_BEHIND);
        assert_int_equal(code_after_arming(&segment, (int32_t)gettid(), &now, &fd), 0);
        assert_int_equal(code_after_arming(&segment, (int32_t)gettid(), &another, &fd), 0);
    }
    free_segment(&segment);
}

static void signals(struct sp_segment *segment, uint32_t slot, unsigned n, uint64_t owed)
{
    for (unsigned i = 0; i < n; i++)
        sp_pace_keep(segment, slot, owed);
}

/* `check` with a perf event of the calling thread, whose own signals are nobody's business. */
static void with_event(uint64_t period_ns, void (*check)(struct sp_segment *, uint32_t, const struct sp_slot *))
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    uint32_t slot;
    struct sp_segment segment = new_perf_segment();
    segment.geometry.period_ns = period_ns;
    sigaction(SIGPROF, &ignore, &before);
    const struct sp_slot *at = arm_self(&segment, &slot);
    if (has_perf(at))
        check(&segment, slot, at);
    sp_thread_disarm(&segment, slot, SP_END_GONE, NULL);
    sigaction(SIGPROF, &before, NULL);
    free_segment(&segment);
}

static void check_in_time(struct sp_segment *segment, uint32_t slot, const struct sp_slot *at)
{
    assert_int_equal(sp_load_relaxed(&at->pace_ns), 100000);
    signals(segment, slot, 32, 5);
    assert_int_equal(sp_load_relaxed(&at->pace_ns), 50000);
    signals(segment, slot, 32, 3);
    assert_int_equal(sp_load_relaxed(&at->pace_ns), 25000);
    signals(segment, slot, 1000, 1);
    assert_int_equal(sp_load_relaxed(&at->pace_ns), 20000);
    assert_int_equal(sp_load_relaxed(&segment->header->perf_slowed), 0);
}

/* At 50 000 Hz: signals in time make the pace faster, down to the period that was asked for, and no faster. */
static void test_trigger_pace_of_signals_in_time_is_the_period(void **state)
{
    (void)state;
    with_event(20000, check_in_time);
}

static void check_late(struct sp_segment *segment, uint32_t slot, const struct sp_slot *at)
{
    signals(segment, slot, 64, 1);
    assert_int_equal(sp_load_relaxed(&at->pace_ns), 25000);
    for (unsigned i = 0; i < 24; i++) { /* three in four are late; the last of them is the limit */
        assert_int_equal(sp_load_relaxed(&at->pace_ns), 25000);
        signals(segment, slot, 1, i % 4 == 0 ? 4 : 5);
    }
    assert_int_equal(sp_load_relaxed(&at->pace_ns), 50000);
    assert_int_equal(sp_load_relaxed(&segment->header->perf_slowed), 1);
    signals(segment, slot, 16, 10);
    assert_int_equal(sp_load_relaxed(&at->pace_ns), 100000);
    signals(segment, slot, 1000, 100);
    assert_int_equal(sp_load_relaxed(&at->pace_ns), 100000);
    assert_int_equal(sp_load_relaxed(&segment->header->perf_slowed), 1);
}

/* Late ones make it slower, but never slower than every thread bears; such a thread counts once. */
static void test_trigger_pace_of_late_signals_is_slower(void **state)
{
    (void)state;
    with_event(10000, check_late);
}

static void check_again(struct sp_segment *segment, uint32_t slot, const struct sp_slot *at)
{
    signals(segment, slot, 32, 1);
    assert_int_equal(sp_load_relaxed(&at->pace_ns), 50000);
    signals(segment, slot, 16, 100);
    assert_int_equal(sp_load_relaxed(&at->pace_ns), 100000);
    signals(segment, slot, 63, 1);
    assert_int_equal(sp_load_relaxed(&at->pace_ns), 100000);
    signals(segment, slot, 1, 1);
    assert_int_equal(sp_load_relaxed(&at->pace_ns), 50000);
    for (unsigned i = 0; i < 1000; i++) /* one in six is late: no limit of that */
        signals(segment, slot, 1, i % 6 == 0 ? 100 : 1);
    assert_in_range(sp_load_relaxed(&at->pace_ns), 10000, 25000);
}

/* After each slowing twice as many signals have to be in time before it tries again. */
static void test_trigger_pace_recovers(void **state)
{
    (void)state;
    with_event(10000, check_again);
}

static void check_usual(struct sp_segment *segment, uint32_t slot, const struct sp_slot *at)
{
    signals(segment, slot, 1000, 1);
    signals(segment, slot, 1000, 100);
    assert_int_equal(sp_load_relaxed(&at->pace_ns), 100000);
    assert_int_equal(sp_load_relaxed(&segment->header->perf_slowed), 0);
}

/* Up to 10 000 Hz the event has the period that was asked for, whatever comes late. */
static void test_trigger_pace_of_usual_rates_is_the_period(void **state)
{
    (void)state;
    with_event(100000, check_usual);
}

enum { PAGE = 4096, RING_PAGES = 16, PERIODS = 20 };

/* How often the event has been due since its ring was mapped: each time leaves a record there, signal or not. */
static unsigned times_due(const struct perf_event_mmap_page *ring)
{
    unsigned times = 0;
    const char *records = (const char *)ring + PAGE;
    const uint64_t end = __atomic_load_n(&ring->data_head, __ATOMIC_ACQUIRE);
    assert_in_range(end, 0, RING_PAGES * PAGE);
    for (uint64_t at = 0; at < end;) {
        const struct perf_event_header *record = (const void *)(records + at);
        times += record->type == PERF_RECORD_SAMPLE;
        at += record->size;
    }
    return times;
}

static void check_unhandled(struct sp_segment *segment, uint32_t slot, const struct sp_slot *at)
{
    (void)slot;
    const uint64_t period_ns = segment->geometry.period_ns, until_ns = thread_cpu_ns() + PERIODS * period_ns;
    struct perf_event_mmap_page *ring =
        mmap(NULL, (1 + RING_PAGES) * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, sp_load_relaxed(&at->perf_fd), 0);
    assert_ptr_not_equal(ring, MAP_FAILED);
    while (thread_cpu_ns() < until_ns)
        for (volatile int i = 0; i < 10000; i++)
            ;
    assert_in_range(times_due(ring), 1, 2 * PERIODS + 2);
    munmap(ring, (1 + RING_PAGES) * PAGE);
}

/*
 * The thread's account is behind by more than a period when it gets its event, and its signals wait, as where a program
 * blocks them: that is no reason to interrupt it more often than twice a period.
 */
static void test_trigger_unhandled_event_comes_no_more_often(void **state)
{
    (void)state;
    while (thread_cpu_ns() < 2000000)
        ;
    with_event(1000000, check_unhandled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trigger_perf_event_is_out_of_the_hosts_way),
        cmocka_unit_test(test_trigger_hosts_descriptor_is_left_alone),
        cmocka_unit_test(test_trigger_closed_event_is_mended_by_a_timer),
        cmocka_unit_test(test_trigger_without_descriptors_is_a_timer),
        cmocka_unit_test(test_trigger_perf_event_serves_for_a_refused_timer),
        cmocka_unit_test(test_trigger_timer_by_name_is_no_perf_event),
        cmocka_unit_test(test_trigger_perf_event_is_not_tried_under_seccomp),
        cmocka_unit_test(test_trigger_late_timer_does_not_wake_a_sleeper),
        cmocka_unit_test(test_trigger_account_that_is_behind_is_paid_at_once),
        cmocka_unit_test(test_trigger_unhandled_event_comes_no_more_often),
        cmocka_unit_test(test_trigger_pace_of_signals_in_time_is_the_period),
        cmocka_unit_test(test_trigger_pace_of_late_signals_is_slower),
        cmocka_unit_test(test_trigger_pace_recovers),
        cmocka_unit_test(test_trigger_pace_of_usual_rates_is_the_period),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
