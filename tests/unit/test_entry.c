/*
 * The real handler, under signals that the test sends itself: rt_tgsigqueueinfo(2) lets a thread of the same process
 * give any si_code and si_value. SIGPROF is not blocked, so each signal is handled before the system call returns.
 */
#include "handler/entry.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "handler/threads.h"
#include "small_segment.h"

static uint32_t own_slot, own_generation;

static void send_to(pid_t tid, int code, uint64_t cookie, int overrun)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = SIGPROF;
    info.si_code = code;
    info.si_overrun = overrun;
    info.si_value.sival_ptr = (void *)(uintptr_t)cookie;
    assert_int_equal(syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, SIGPROF, &info), 0);
}

static void send_self(uint64_t cookie)
{
    send_to(gettid(), SI_TIMER, cookie, 0);
}

static uint64_t own_cookie(void)
{
    return sp_cookie(own_slot, own_generation);
}

struct counts {
    uint64_t fired, fired_weight, lost[SP_LOSSES], stray, early, backstop_idle;
};

/* What the stripes hold together. */
static struct counts counts(void)
{
    struct counts sum = {0};
    for (uint32_t i = 0; i < SP_STRIPES; i++) {
        struct sp_stripe *stripe = &sp_handler.segment.header->stripes[i];
        sum.fired += sp_load_relaxed(&stripe->fired.deliveries);
        sum.fired_weight += sp_load_relaxed(&stripe->fired.weight);
        for (uint32_t loss = 0; loss < SP_LOSSES; loss++)
            sum.lost[loss] += sp_load_relaxed(&stripe->lost[loss].deliveries);
        sum.stray += sp_load_relaxed(&stripe->stray);
        sum.early += sp_load_relaxed(&stripe->early);
        sum.backstop_idle += sp_load_relaxed(&stripe->backstop_idle);
    }
    return sum;
}

/* A running session without its timers: this thread has a slot, the handler is installed. */
static int set_up(void **state)
{
    (void)state;
    struct sigaction action = {.sa_sigaction = sp_handler_entry, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    sigfillset(&action.sa_mask);
    sp_handler.segment = new_segment((struct small_segment){.max_depth = 64, .n_shards = 4, .half_words = 4096});
    sp_handler.generation = 5;
    sp_store_seq_cst(&sp_handler.pid, (int32_t)getpid());
    own_slot = sp_thread_arm(&sp_handler.segment, (int32_t)gettid(), NULL);
    own_generation = sp_load_relaxed(&sp_segment_slot(&sp_handler.segment, own_slot)->generation);
    sp_store_seq_cst(&sp_handler.state, (uint32_t)SP_SESSION_RUNNING);
    return own_slot == 0 || sigaction(SIGPROF, &action, NULL) != 0;
}

static int tear_down(void **state)
{
    (void)state;
    sp_store_seq_cst(&sp_handler.state, (uint32_t)SP_SESSION_IDLE);
    sp_store_relaxed(&sp_handler.event_fd, INT32_MAX);
    sp_thread_disarm(&sp_handler.segment, own_slot, SP_END_GONE, NULL);
    free_segment(&sp_handler.segment);
    sp_store_seq_cst(&sp_handler.host, (const struct sigaction *)NULL);
    return sp_handler_inside() != 0;
}

static void test_entry_genuine_cookie_is_recorded(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        send_self(own_cookie());
    const struct counts seen = counts();
    const struct totals totals = totals_of(&sp_handler.segment);
    assert_int_equal(seen.fired, 100);
    assert_int_equal(totals.deliveries, 100);
    assert_int_equal(totals.weight, 100);
    assert_int_equal(seen.lost[SP_LOSS_BUSY] + seen.lost[SP_LOSS_FULL] + seen.stray, 0);
}

static void test_entry_overrun_is_weight(void **state)
{
    (void)state;
    static const struct {
        int overrun;
        uint64_t weight;
    } cases[] = {{0, 1}, {1, 2}, {9, 10}, {-1, 1}, {INT32_MAX, 1}, {INT32_MIN, 1}};
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        send_to(gettid(), SI_TIMER, own_cookie(), cases[i].overrun);
        sum += cases[i].weight;
        assert_int_equal(counts().fired_weight, sum);
    }
    assert_int_equal(totals_of(&sp_handler.segment).weight, sum);
}

static void test_entry_record_names_the_thread(void **state)
{
    (void)state;
    send_self(own_cookie());
    for (uint32_t i = 0; i < 4; i++) {
        const uint64_t *record = sp_segment_records(&sp_handler.segment, i, 0);
        if (sp_load_relaxed(&sp_segment_shard(&sp_handler.segment, i)->used[0]) == 0)
            continue;
        assert_int_equal(record[1] & 0xffffff, own_slot);
        assert_int_equal(record[1] >> 24 & 0xffffff, own_generation & 0xffffff);
        assert_int_equal(record[2], gettid());
        assert_true(record[SP_RECORD_HEAD_WORDS] != 0);
        return;
    }
    fail_msg("no record");
}

static void test_entry_forged_cookies_are_strays(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    const uint64_t forged[] = {
        sp_cookie(own_slot, own_generation + 1),
        sp_cookie(own_slot, own_generation - 1),
        sp_cookie(own_slot + 1, own_generation),
        sp_cookie(sp_handler.segment.geometry.n_slots, own_generation),
        sp_cookie(0xffffff, own_generation),
        sp_cookie(0, sp_handler.generation + 1),
        sp_cookie(0, 0xffffff),
    };
    const size_t n = sizeof forged / sizeof *forged;
    for (size_t i = 0; i < n; i++)
        send_self(forged[i]);
    for (unsigned i = 0; i < 1000; i++) /* the tag is right, so that all of them come to the check */
        send_self(SP_COOKIE_TAG << 48 | (next_random(&random) >> 16 & ~(uint64_t)0xf) | 0xf);
    const struct counts seen = counts();
    assert_int_equal(seen.stray, n + 1000);
    assert_int_equal(seen.fired, 0);
}

static void test_entry_other_numbers_are_not_ours(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    const uint64_t before = sp_load_relaxed(&sp_handler.stray);
    for (unsigned i = 0; i < 1000; i++)
        send_self(next_random(&random) >> 16);
    send_to(gettid(), SI_QUEUE, own_cookie(), 0); /* sigqueue(3) with the right value: no timer sent it */
    raise(SIGPROF);
    kill(getpid(), SIGPROF);
    assert_int_equal(sp_load_relaxed(&sp_handler.stray) - before, 1003);
    assert_int_equal(counts().fired + counts().stray, 0);
}

static void *send_foreign(void *unused)
{
    (void)unused;
    send_self(own_cookie());
    return NULL;
}

/* Another thread gets a signal with this thread's cookie. */
static void test_entry_cookie_of_another_thread_is_a_stray(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, send_foreign, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(counts().stray, 1);
    assert_int_equal(counts().fired, 0);
}

/* As if the thread had used `periods` more than its samples stand for. */
static void owe(int64_t periods)
{
    struct sp_slot *slot = sp_segment_slot(&sp_handler.segment, own_slot);
    const int64_t period_ns = (int64_t)sp_handler.segment.geometry.period_ns;
    sp_store_relaxed(&slot->base_ns, -((int64_t)sp_load_relaxed(&slot->seen) + periods) * period_ns);
}

static void test_entry_process_timer_leaves_a_timed_thread_alone(void **state)
{
    (void)state;
    struct sp_slot *slot = sp_segment_slot(&sp_handler.segment, own_slot);
    const int32_t timer = sp_load_relaxed(&slot->timer);
    sp_store_relaxed(&slot->timer, 1 << 20); /* whether or not there are such timers here, under emulation */
    send_self(sp_cookie(0, sp_handler.generation));
    assert_int_equal(counts().backstop_idle, 1);
    assert_int_equal(counts().fired, 0);
    sp_store_relaxed(&slot->timer, -1); /* a thread without a timer lives on this one, by its own clock */
    send_self(sp_cookie(0, sp_handler.generation));
    assert_int_equal(counts().backstop_idle, 2); /* no period of an hour is due */
    owe(3);
    send_self(sp_cookie(0, sp_handler.generation));
    assert_int_equal(counts().fired, 1);
    assert_int_equal(counts().fired_weight, 3);
    assert_int_equal(totals_of(&sp_handler.segment).weight, 3);
    send_self(sp_cookie(0, sp_handler.generation)); /* and owes nothing any more */
    assert_int_equal(counts().fired, 1);
    sp_store_relaxed(&slot->timer, timer);
}

static void *send_process_timer(void *unused)
{
    (void)unused;
    send_self(sp_cookie(0, sp_handler.generation));
    return sp_segment_find(&sp_handler.segment, (int32_t)gettid()) != 0 ? &own_slot : NULL;
}

/* Its own timer, set late, will bring its sample: with one of the process timer's its time would count twice. */
static void test_entry_process_timer_arms_the_unknown(void **state)
{
    (void)state;
    pthread_t thread;
    void *was_armed;
    assert_int_equal(pthread_create(&thread, NULL, send_process_timer, NULL), 0);
    pthread_join(thread, &was_armed);
    assert_non_null(was_armed);
    assert_int_equal(counts().backstop_idle, 1);
    assert_int_equal(counts().fired, 0);
}

enum { EVENT_FD = 300 };

/* As a descriptor with F_SETSIG would (fcntl(2)). */
static void send_event(int fd)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = SIGPROF;
    info.si_code = POLL_IN; /* which the kernel lets nobody send: the handler is called by hand */
    info.si_fd = fd;
    ucontext_t context;
    getcontext(&context);
    sp_handler_entry(SIGPROF, &info, &context);
}

static void have_event(uint32_t slot)
{
    sp_store_relaxed(&sp_segment_slot(&sp_handler.segment, own_slot)->perf_fd, EVENT_FD);
    sp_store_relaxed(sp_segment_fd(&sp_handler.segment, EVENT_FD), slot);
    sp_store_relaxed(&sp_handler.event_fd, 200);
}

/* The weight is what the thread's clock says; a signal before a period is due is early, and no sample. */
static void test_entry_perf_event_is_recorded_by_the_clock(void **state)
{
    (void)state;
    have_event(own_slot);
    owe(0);
    send_event(EVENT_FD);
    assert_int_equal(counts().fired, 0);
    assert_int_equal(counts().early, 1);
    owe(7);
    send_event(EVENT_FD);
    assert_int_equal(counts().fired, 1);
    assert_int_equal(counts().fired_weight, 7);
    assert_int_equal(totals_of(&sp_handler.segment).weight, 7);
    send_event(EVENT_FD);
    assert_int_equal(counts().early, 2);
    assert_int_equal(counts().stray, 0);
}

/* Descriptors that are not in the table, or whose slot knows nothing of them, or below all of ours. */
static void test_entry_perf_event_of_others_is_the_hosts(void **state)
{
    (void)state;
    static const int fds[] = {-1, 0, 3, EVENT_FD - 1, EVENT_FD + 1, SP_PERF_FDS, INT32_MAX};
    const uint64_t before = sp_load_relaxed(&sp_handler.stray);
    have_event(own_slot);
    owe(5);
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        send_event(fds[i]);
    have_event(0);
    send_event(EVENT_FD);
    have_event(own_slot + 1);
    send_event(EVENT_FD);
    have_event(UINT32_MAX);
    send_event(EVENT_FD);
    assert_int_equal(sp_load_relaxed(&sp_handler.stray) - before, sizeof fds / sizeof *fds + 3);
    assert_int_equal(counts().fired, 0);
}

static void test_entry_perf_event_without_session_is_late(void **state)
{
    (void)state;
    const uint64_t before = sp_load_relaxed(&sp_handler.late);
    have_event(own_slot);
    sp_store_seq_cst(&sp_handler.state, (uint32_t)SP_SESSION_STOPPING);
    send_event(EVENT_FD);
    assert_int_equal(sp_load_relaxed(&sp_handler.late) - before, 1);
    assert_int_equal(counts().fired, 0);
}

static void test_entry_all_locked_is_counted_as_busy(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        sp_store_relaxed(&sp_segment_shard(&sp_handler.segment, i)->lock, 1u);
    send_self(own_cookie());
    assert_int_equal(counts().fired, 1);
    assert_int_equal(counts().lost[SP_LOSS_BUSY], 1);
}

static void test_entry_full_is_counted_as_full(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        sp_store_relaxed(&sp_segment_shard(&sp_handler.segment, i)->used[0], 4096u);
    send_to(gettid(), SI_TIMER, own_cookie(), 4);
    assert_int_equal(counts().fired, 1);
    assert_int_equal(counts().fired_weight, 5);
    assert_int_equal(counts().lost[SP_LOSS_FULL], 1);
}

static void test_entry_without_session_is_late(void **state)
{
    (void)state;
    const uint64_t before = sp_load_relaxed(&sp_handler.late);
    static const uint32_t states[] = {SP_SESSION_IDLE, SP_SESSION_STARTING, SP_SESSION_STOPPING};
    for (size_t i = 0; i < 3; i++) {
        sp_store_seq_cst(&sp_handler.state, states[i]);
        send_self(own_cookie());
    }
    assert_int_equal(sp_load_relaxed(&sp_handler.late) - before, 3);
    assert_int_equal(counts().fired + counts().stray, 0);
}

static void test_entry_stop_request_ends_the_timer(void **state)
{
    (void)state;
    sp_store_relaxed(&sp_handler.segment.header->stop_requested, 1u);
    send_self(own_cookie());
    send_self(sp_cookie(0, sp_handler.generation));
    assert_int_equal(counts().fired + counts().stray, 0);
    assert_int_equal(sp_load_relaxed(&sp_segment_slot(&sp_handler.segment, own_slot)->timer), -1);
}

static struct {
    unsigned calls;
    int signal_number;
    siginfo_t info;
    void *context;
    sigset_t mask;
    sigjmp_buf back;
} host;

static void host_plain(int signal_number)
{
    host.calls++;
    host.signal_number = signal_number;
    sigprocmask(SIG_SETMASK, NULL, &host.mask);
}

static void host_with_info(int signal_number, siginfo_t *info, void *context)
{
    host_plain(signal_number);
    host.info = *info;
    host.context = context;
}

static void host_jumps(int signal_number)
{
    host_plain(signal_number);
    siglongjmp(host.back, 1);
}

/* Makes `action` the one that was there before. */
static void set_previous(const struct sigaction *action)
{
    static struct sigaction published;
    published = *action;
    sp_store_seq_cst(&sp_handler.host, (const struct sigaction *)&published);
    memset(&host, 0, sizeof host);
}

/* The mask that a host's handler sees is the interrupted one, what it asked for, and SIGPROF unless SA_NODEFER. */
static void test_chain_plain_handler_under_its_mask(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = host_plain};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGUSR1);
    set_previous(&action);
    sigset_t blocked, before, after;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    raise(SIGPROF);
    sigprocmask(SIG_SETMASK, &before, &after);
    assert_int_equal(host.calls, 1);
    assert_int_equal(host.signal_number, SIGPROF);
    for (int i = 1; i < 32; i++)
        if (i != SIGKILL && i != SIGSTOP)
            assert_int_equal(sigismember(&host.mask, i), i == SIGUSR1 || i == SIGUSR2 || i == SIGPROF);
    assert_int_equal(sigismember(&after, SIGUSR2), 1); /* and afterwards it is as before */
    assert_int_equal(sigismember(&after, SIGPROF), 0);
    assert_int_equal(sigismember(&after, SIGUSR1), 0);
}

static void test_chain_nodefer_leaves_the_signal_open(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = host_plain, .sa_flags = SA_NODEFER};
    sigemptyset(&action.sa_mask);
    set_previous(&action);
    raise(SIGPROF);
    assert_int_equal(host.calls, 1);
    assert_int_equal(sigismember(&host.mask, SIGPROF), 0);
}

static void test_chain_handler_with_info_gets_it(void **state)
{
    (void)state;
    struct sigaction action = {.sa_sigaction = host_with_info, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    set_previous(&action);
    send_to(gettid(), SI_QUEUE, 0x1234, 0);
    assert_int_equal(host.calls, 1);
    assert_int_equal(host.info.si_code, SI_QUEUE);
    assert_int_equal((uintptr_t)host.info.si_value.sival_ptr, 0x1234);
    assert_non_null(host.context);
}

/* Nothing of ours is held: afterwards a sample is taken as if nothing had been. */
static void test_chain_handler_may_jump_away(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = host_jumps};
    sigemptyset(&action.sa_mask);
    set_previous(&action);
    for (volatile unsigned i = 0; i < 50; i++) {
        if (sigsetjmp(host.back, 1) == 0)
            raise(SIGPROF);
    }
    assert_int_equal(host.calls, 50);
    assert_int_equal(sp_handler_inside(), 0);
    send_self(own_cookie());
    assert_int_equal(totals_of(&sp_handler.segment).deliveries, 1);
}

static void test_chain_default_and_ignored_do_nothing(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = SIG_DFL};
    set_previous(&action);
    raise(SIGPROF);
    action.sa_handler = SIG_IGN;
    set_previous(&action);
    raise(SIGPROF);
    assert_int_equal(host.calls, 0);
}

static void test_chain_own_samples_do_not_reach_the_host(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = host_plain};
    set_previous(&action);
    send_self(own_cookie());
    send_self(sp_cookie(own_slot, own_generation + 1)); /* nor do forged ones */
    assert_int_equal(host.calls, 0);
}

struct answers {
    unsigned asked;
    bool is_wanted;
};

static int answer(void *argument)
{
    struct answers *answers = argument;
    answers->asked++;
    return answers->is_wanted ? 7 : 0;
}

/* Records of a kind in the first halves, and what they weigh. */
static uint64_t weight_of_kind(enum sp_record_kind kind)
{
    uint64_t weight = 0;
    for (uint32_t i = 0; i < 4; i++) {
        const uint64_t *records = sp_segment_records(&sp_handler.segment, i, 0);
        const uint32_t used = sp_load_relaxed(&sp_segment_shard(&sp_handler.segment, i)->used[0]);
        for (uint32_t at = 0; at < used; at += SP_RECORD_HEAD_WORDS + sp_record_depth(records[at]))
            if (sp_record_kind(records[at]) == kind)
                weight += records[at + 4];
    }
    return weight;
}

static void test_entry_filter_is_asked_for_each_sample(void **state)
{
    (void)state;
    struct answers answers = {0};
    sp_handler.filter = (struct sp_sample_filter){answer, &answers};
    for (unsigned i = 0; i < 10; i++)
        send_to(gettid(), SI_TIMER, own_cookie(), 1);
    assert_int_equal(answers.asked, 10);
    assert_int_equal(weight_of_kind(SP_RECORD_FILTERED), 20);
    assert_int_equal(weight_of_kind(SP_RECORD_SAMPLE), 0);
    answers.is_wanted = true;
    send_self(own_cookie());
    sp_handler.filter = (struct sp_sample_filter){0};
    send_self(own_cookie());
    assert_int_equal(answers.asked, 11);
    assert_int_equal(weight_of_kind(SP_RECORD_FILTERED), 20);
    assert_int_equal(weight_of_kind(SP_RECORD_SAMPLE), 2);
    assert_int_equal(counts().fired, totals_of(&sp_handler.segment).deliveries);
    assert_int_equal(counts().fired_weight, 22);
}

/* Bytes of the host's over all of the segment: every signal is handled, and ends. */
static void test_entry_scribbled_segment_is_survived(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    struct sp_segment *segment = &sp_handler.segment;
    uint64_t *words = (uint64_t *)(void *)segment->header;
    for (unsigned round = 0; round < 200; round++) {
        for (uint64_t i = 0; i < segment->geometry.bytes / 8; i++)
            words[i] = round % 2 == 0 ? next_random(&random) : next_random(&random) % 8;
        for (uint32_t slot = 0; slot < segment->geometry.n_slots; slot++) {
            sp_store_relaxed(&sp_segment_slot(segment, slot)->timer, -1);      /* nobody else's timer is deleted */
            sp_store_relaxed(&sp_segment_slot(segment, slot)->stack_high, 0u); /* bounds are believed */
        }
        send_self(sp_cookie(own_slot, sp_load_relaxed(&sp_segment_slot(segment, own_slot)->generation)));
        send_self(sp_cookie(0, sp_handler.generation));
    }
    memset((void *)segment->header, 0, segment->geometry.bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_entry_genuine_cookie_is_recorded),
        TEST(test_entry_overrun_is_weight),
        TEST(test_entry_record_names_the_thread),
        TEST(test_entry_forged_cookies_are_strays),
        TEST(test_entry_other_numbers_are_not_ours),
        TEST(test_entry_cookie_of_another_thread_is_a_stray),
        TEST(test_entry_process_timer_leaves_a_timed_thread_alone),
        TEST(test_entry_process_timer_arms_the_unknown),
        TEST(test_entry_perf_event_is_recorded_by_the_clock),
        TEST(test_entry_perf_event_of_others_is_the_hosts),
        TEST(test_entry_perf_event_without_session_is_late),
        TEST(test_entry_all_locked_is_counted_as_busy),
        TEST(test_entry_full_is_counted_as_full),
        TEST(test_entry_without_session_is_late),
        TEST(test_entry_stop_request_ends_the_timer),
        TEST(test_entry_filter_is_asked_for_each_sample),
        TEST(test_chain_plain_handler_under_its_mask),
        TEST(test_chain_nodefer_leaves_the_signal_open),
        TEST(test_chain_handler_with_info_gets_it),
        TEST(test_chain_handler_may_jump_away),
        TEST(test_chain_default_and_ignored_do_nothing),
        TEST(test_chain_own_samples_do_not_reach_the_host),
        TEST(test_entry_scribbled_segment_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
