/*
 * CPU timers and perf events.
 *
 * Place: see trigger.h. Context: signal handler and any thread; see there for what overlaps.
 *
 * A timer is set absolutely on the thread's CPU clock, to expire when the thread's next period is due. For another
 * thread than the caller, which may have gone past that and be asleep, it is the first such moment to come, and the
 * first signal stands for all that the clock says by then.
 *
 * A perf event counts the thread's CPU time from its start on and gives a signal once a period, if user code runs at
 * that moment; unprivileged users may have no more (perf_event_paranoid 2). What it does not see is read from the
 * thread's CPU clock at its next signal. Its signals are due half a period after the account grows, so that a little
 * early or late does not matter: therefore the first period has another length, and the rest is set by its signal.
 * Until that is handled the event repeats the first period, in the kernel or with SIGPROF blocked for as long as it
 * likes, and what it takes from the thread is not to be more than later: so the first period is no short one.
 * PERF_EVENT_IOC_REFRESH, which would count signals down, hangs some kernels and is not used.
 *
 * A descriptor in a stranger's process may be closed by the stranger, and its number may be anything by then. So the
 * kernel's id of the event is compared before a descriptor is touched.
 */
#include "handler/trigger.h"

#include <linux/fcntl.h>
#include <linux/perf_event.h>
#include <linux/prctl.h>
#include <signal.h>

#include "handler/account.h"
#include "handler/entry.h"
#include "handler/pace.h"
#include "handler/random.h"
#include "handler/raw_calls.h"
#include "handler/threads.h"

#ifndef sigev_notify_thread_id /* the kernel's name for it; musl has it, glibc up to now not */
#define sigev_notify_thread_id _sigev_un._tid
#endif

#include "handler/poison.h"

enum { NS_PER_S = 1000000000, CPUS_LIMIT = 1 << 16, E_SRCH = 3, E_INVAL = 22, E_MFILE = 24 };

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

/* Creates and sets a timer; its id, or -errno with nothing left behind. */
static int32_t start_timer(clockid_t clock, const struct sigevent *event, int flags, uint64_t first_ns,
                           uint64_t period_ns)
{
    int32_t timer = -1;
    const long created = sp_raw_timer_create(clock, event, &timer);
    if (created < 0)
        return (int32_t)created;
    const struct itimerspec when = {.it_interval = timespec_of(period_ns), .it_value = timespec_of(first_ns)};
    const long set = sp_raw_timer_settime(timer, flags, &when);
    if (set < 0) {
        sp_raw_timer_delete(timer);
        return (int32_t)set;
    }
    return timer;
}

/* The reading of the thread's CPU clock at which its next period is due; ≥ 1, since 0 would disarm a timer. */
static uint64_t next_due_ns(const struct sp_segment *segment, const struct sp_slot *slot)
{
    const uint64_t after = (sp_load_relaxed(&slot->seen) + 1) * segment->geometry.period_ns;
    const int64_t at = sp_load_relaxed(&slot->base_ns) + (int64_t)after;
    return at > 0 ? (uint64_t)at : 1;
}

/* When the timer is to expire first; marks a first signal that stands for more than a period. */
static uint64_t first_expiry_ns(const struct sp_segment *segment, uint32_t slot, bool is_self)
{
    struct sp_slot *at = sp_segment_slot(segment, slot);
    const uint64_t due_ns = next_due_ns(segment, at), period_ns = segment->geometry.period_ns;
    const uint64_t now_ns = is_self ? 0 : sp_raw_clock_ns(sp_thread_clock(sp_load_relaxed(&at->tid)));
    if (now_ns < due_ns)
        return due_ns;
    sp_store_relaxed(&at->is_first_pending, 1u);
    return due_ns + ((now_ns - due_ns) / period_ns + 1) * period_ns;
}

static int32_t start_thread_timer(const struct sp_segment *segment, uint32_t slot, bool is_self)
{
    struct sp_slot *at = sp_segment_slot(segment, slot);
    const int32_t tid = sp_load_relaxed(&at->tid);
    struct sigevent event; /* only what the kernel reads is set: clearing it all would call memset */
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGPROF;
    event.sigev_value.sival_ptr = (void *)(uintptr_t)sp_cookie(slot, sp_load_relaxed(&at->generation));
    event.sigev_notify_thread_id = tid;
    const int32_t timer = start_timer(sp_thread_clock(tid), &event, TIMER_ABSTIME,
                                      first_expiry_ns(segment, slot, is_self), segment->geometry.period_ns);
    if (timer < 0)
        return timer;
    sp_store_relaxed(&at->timer, timer);
    return 0;
}

static long open_event(int32_t tid, uint64_t first_ns)
{
    union {
        struct perf_event_attr attr;
        uint64_t words[sizeof(struct perf_event_attr) / 8];
    } event;
    for (unsigned i = 0; i < PERF_ATTR_SIZE_VER0 / 8; i++)
        event.words[i] = 0;
    event.attr.type = PERF_TYPE_SOFTWARE;
    event.attr.size = PERF_ATTR_SIZE_VER0; /* the kernel takes the rest as 0 */
    event.attr.config = PERF_COUNT_SW_TASK_CLOCK;
    event.attr.sample_period = first_ns;
    event.attr.wakeup_events = 1;
    event.attr.disabled = 1;
    event.attr.exclude_kernel = 1;
    event.attr.exclude_hv = 1;
    return sp_raw_perf_event_open(&event.attr, tid, PERF_FLAG_FD_CLOEXEC);
}

/* Moves a descriptor to where the host does not expect its own: the new one, or -errno with the old one closed. */
static long move_up(const struct sp_segment *segment, long fd)
{
    const struct sp_header *header = segment->header;
    const uint32_t high = sp_load_relaxed(&header->perf_fd_high);
    const long moved = sp_raw_fcntl((int)fd, F_DUPFD_CLOEXEC, (long)sp_load_relaxed(&header->perf_fd_low));
    sp_raw_close((int)fd);
    if (moved == -E_INVAL) /* not even the lowest number may be had */
        return -E_MFILE;
    if (moved < 0 || (moved < SP_PERF_FDS && moved < (long)high))
        return moved;
    sp_raw_close((int)moved);
    return -E_MFILE;
}

static long direct_signals(int fd, int32_t tid)
{
    const struct {
        int32_t type, pid;
    } owner = {F_OWNER_TID, tid}; /* struct f_owner_ex */
    long result = sp_raw_fcntl(fd, F_SETOWN_EX, (long)&owner);
    if (result >= 0)
        result = sp_raw_fcntl(fd, F_SETSIG, SIGPROF);
    return result < 0 ? result : sp_raw_fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK | FASYNC);
}

static long publish_event(const struct sp_segment *segment, uint32_t slot, int fd)
{
    struct sp_slot *at = sp_segment_slot(segment, slot);
    uint64_t id = 0;
    const long result = sp_raw_ioctl(fd, PERF_EVENT_IOC_ID, (long)&id);
    if (result < 0)
        return result;
    sp_store_relaxed(&at->perf_id, id);
    sp_pace_begin(at, segment->geometry.period_ns);
    sp_store_relaxed(&at->is_first_pending, 1u);
    sp_store_relaxed(sp_segment_fd(segment, (uint32_t)fd), slot);
    sp_store_seq_cst(&at->perf_fd, fd);
    sp_store_relaxed(&sp_handler.event_fd, (int32_t)sp_load_relaxed(&segment->header->perf_fd_low));
    return sp_raw_ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
}

/* PR_GET_SECCOMP: 0 without a filter (prctl(2)). */
static bool is_filtered(void)
{
    return sp_raw_prctl(PR_GET_SECCOMP, 0) != 0;
}

/* From now until half a period after the account grows: the first such moment that is not too near. */
static uint64_t first_period_ns(const struct sp_segment *segment, const struct sp_slot *at, uint64_t now_ns)
{
    const uint64_t period_ns = segment->geometry.period_ns;
    const uint64_t least_ns = period_ns / 2 > SP_SAFE_PACE_NS ? period_ns / 2 : SP_SAFE_PACE_NS;
    const uint64_t due_ns = next_due_ns(segment, at) + period_ns / 2, from_ns = now_ns + least_ns;
    return due_ns >= from_ns ? due_ns - now_ns : least_ns + period_ns - (from_ns - due_ns) % period_ns;
}

/*
 * What the calling thread owes by now, a process's start as a rule, is of the place where it stands, and not of the one
 * where the event's first signal will find it.
 */
static void pay_at_once(int fd, int32_t tid)
{
    siginfo_t info; /* only what the kernel reads is set: clearing it all would call memset */
    info.si_signo = SIGPROF;
    info.si_errno = 0;
    info.si_code = SP_POLL_BEHIND;
    info.si_band = 0;
    info.si_fd = fd;
    sp_raw_signal_self(sp_raw_process_id(), tid, &info);
}

static int32_t start_perf_event(const struct sp_segment *segment, uint32_t slot, bool is_self)
{
    struct sp_slot *at = sp_segment_slot(segment, slot);
    const int32_t tid = sp_load_relaxed(&at->tid);
    if (is_filtered())
        return -SP_PERF_UNDER_SECCOMP;
    const uint64_t now_ns = sp_raw_clock_ns(sp_thread_clock(tid));
    long fd = open_event(tid, first_period_ns(segment, at, now_ns));
    if (fd >= 0)
        fd = move_up(segment, fd);
    if (fd < 0)
        return (int32_t)fd;
    long result = direct_signals((int)fd, tid);
    if (result >= 0)
        result = publish_event(segment, slot, (int)fd);
    if (result >= 0 && is_self && sp_account_owed(segment, slot, now_ns) > 0)
        pay_at_once((int)fd, tid);
    if (result >= 0)
        return 0;
    sp_store_relaxed(&at->perf_fd, -1);
    sp_store_relaxed(sp_segment_fd(segment, (uint32_t)fd), 0u);
    sp_raw_close((int)fd);
    return (int32_t)result;
}

/*
 * Keeps why the thread was refused, and why the first one was. A clock that is not there (EINVAL), and a task that is
 * not, are of a thread that has just ended: that is no refusal.
 */
static void note_error(_Atomic int32_t *first, struct sp_slot *at, int32_t error)
{
    int32_t none = 0;
    const bool is_gone = error == -E_SRCH || error == -E_INVAL;
    sp_store_relaxed(&at->error, is_gone ? (int32_t)SP_TRIGGER_NO_THREAD : -error);
    if (!is_gone)
        sp_cas_seq_cst(first, &none, -error);
}

static bool note_success(struct sp_header *header, enum sp_trigger trigger)
{
    const uint32_t bit = 1u << trigger;
    if ((sp_load_relaxed(&header->triggers_used) & bit) == 0)
        sp_or_relaxed(&header->triggers_used, bit);
    return true;
}

static bool try_perf_event(const struct sp_segment *segment, uint32_t slot, bool is_self)
{
    struct sp_header *header = segment->header;
    const int32_t error = start_perf_event(segment, slot, is_self);
    if (error == 0)
        return note_success(header, SP_TRIGGER_PERF);
    sp_add_relaxed(&header->perf_refused, (uint64_t)1);
    note_error(&header->perf_error, sp_segment_slot(segment, slot), error);
    return false;
}

static bool try_timer(const struct sp_segment *segment, uint32_t slot, bool is_self)
{
    struct sp_header *header = segment->header;
    const int32_t error = start_thread_timer(segment, slot, is_self);
    if (error == 0)
        return note_success(header, SP_TRIGGER_TIMER);
    note_error(&header->timer_error, sp_segment_slot(segment, slot), error);
    return false;
}

bool sp_trigger_start(const struct sp_segment *segment, uint32_t slot, bool is_self)
{
    const struct sp_header *header = segment->header;
    const bool is_perf_first = sp_load_relaxed(&header->trigger) == SP_TRIGGER_PERF;
    if (is_perf_first)
        return try_perf_event(segment, slot, is_self) || try_timer(segment, slot, is_self);
    return try_timer(segment, slot, is_self) ||
           (sp_load_relaxed(&sp_segment_slot(segment, slot)->error) != SP_TRIGGER_NO_THREAD &&
            sp_load_relaxed(&header->trigger_asked) == SP_TRIGGER_AUTO && try_perf_event(segment, slot, is_self));
}

/* Whether `fd` still is the event of that id. */
static bool is_event(int fd, uint64_t id)
{
    uint64_t found = 0;
    return sp_raw_ioctl(fd, PERF_EVENT_IOC_ID, (long)&found) >= 0 && found == id;
}

/* Others may hold copies of the descriptor: the event ends here and now, not with the last of them. */
static void end_event(const struct sp_segment *segment, struct sp_slot *at, uint32_t slot, int fd)
{
    uint32_t expected = slot;
    if (is_event(fd, sp_load_relaxed(&at->perf_id))) {
        sp_raw_ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
        sp_raw_close(fd);
    }
    if (fd < SP_PERF_FDS)
        sp_cas_seq_cst(sp_segment_fd(segment, (uint32_t)fd), &expected, 0u);
}

void sp_trigger_stop(const struct sp_segment *segment, uint32_t slot)
{
    struct sp_slot *at = sp_segment_slot(segment, slot);
    const int32_t timer = sp_exchange_seq_cst(&at->timer, -1);
    if (timer >= 0)
        sp_raw_timer_delete(timer);
    if (sp_load_relaxed(&at->perf_fd) < 0)
        return;
    const int32_t fd = sp_exchange_seq_cst(&at->perf_fd, -1);
    if (fd >= 0)
        end_event(segment, at, slot, fd);
}

void sp_trigger_mend(const struct sp_segment *segment, uint32_t slot)
{
    struct sp_slot *at = sp_segment_slot(segment, slot);
    int32_t fd = sp_load_relaxed(&at->perf_fd);
    if (fd < 0 || is_event(fd, sp_load_relaxed(&at->perf_id)) || !sp_cas_seq_cst(&at->perf_fd, &fd, -1))
        return;
    end_event(segment, at, slot, fd);
    if (!try_timer(segment, slot, true))
        sp_add_relaxed(&segment->header->timers_refused, 1u);
}

uint32_t sp_trigger_slot_of(const struct sp_segment *segment, int fd)
{
    if (fd < 0 || fd >= SP_PERF_FDS)
        return 0;
    const uint32_t slot = sp_load_relaxed(sp_segment_fd(segment, (uint32_t)fd));
    if (slot == 0 || slot >= sp_segment_slots(segment))
        return 0;
    return sp_load_relaxed(&sp_segment_slot(segment, slot)->perf_fd) == fd ? slot : 0;
}

bool sp_trigger_is_first(const struct sp_segment *segment, uint32_t slot)
{
    struct sp_slot *at = sp_segment_slot(segment, slot);
    if (sp_load_relaxed(&at->is_first_pending) == 0)
        return false;
    sp_store_relaxed(&at->is_first_pending, 0u);
    sp_pace_set(at);
    return true;
}

bool sp_trigger_owns(const struct sp_segment *segment, int fd)
{
    const uint32_t slot = sp_trigger_slot_of(segment, fd);
    return slot != 0 && is_event(fd, sp_load_relaxed(&sp_segment_slot(segment, slot)->perf_id));
}

void sp_trigger_close_inherited(const struct sp_segment *segment)
{
    for (int fd = 0; fd < SP_PERF_FDS; fd++)
        if (sp_trigger_owns(segment, fd))
            sp_raw_close(fd);
}

int32_t sp_process_timer_start(const struct sp_segment *segment, uint32_t generation)
{
    struct sigevent event;
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGPROF;
    event.sigev_value.sival_ptr = (void *)(uintptr_t)sp_cookie(0, generation);
    const uint64_t period_ns = segment->geometry.period_ns * segment->geometry.backstop_periods;
    /* Not before a known thread that runs has had its first tick, and postponed it. */
    const uint64_t grace_ns = 30000000;
    const uint64_t first_ns = grace_ns + 1 + sp_random(&segment->header->seed) % period_ns;
    return start_timer(CLOCK_PROCESS_CPUTIME_ID, &event, 0, first_ns, period_ns);
}

/*
 * How far ahead: a known thread that runs ticks once a period and postpones again with each drain, every 100 ms; in
 * 300 ms no more CPU time can be used than that on every CPU.
 */
void sp_process_timer_postpone(const struct sp_segment *segment, int32_t timer)
{
    const uint64_t least_ns = 300000000, period_ns = segment->geometry.period_ns;
    const uint64_t wall_ns = 3 * period_ns > least_ns ? 3 * period_ns : least_ns;
    const uint32_t cpus = sp_load_relaxed(&segment->header->cpus) % CPUS_LIMIT; /* the host may have overwritten it */
    const struct itimerspec when = {.it_interval = timespec_of(period_ns * segment->geometry.backstop_periods),
                                    .it_value = timespec_of(wall_ns * (cpus > 0 ? cpus : 1))};
    sp_raw_timer_settime(timer, 0, &when);
}
