/*
 * SIGPROF arrives.
 *
 * Place on the way of a sample: its beginning. Context: signal handler on any thread, on whatever stack the host has
 * given it, at any point of the host's code. Any number of calls overlap on different threads; on one thread they do
 * not, because all signals are blocked while the handler runs (sa_mask is full; that also means that nothing can
 * longjmp out of it and leave a shard locked).
 *
 * What it may touch: `sp_handler`, the segment, the siginfo, and (reading) the interrupted thread's stack. No
 * thread-local state: a raw clone thread may share its creator's, or have none. Who was interrupted is what the timer's
 * cookie says, checked against the stack pointer or, where the stack is not known, against gettid.
 */
#include "handler/entry.h"

#include "handler/raw_calls.h"
#include "handler/shard.h"
#include "handler/threads.h"

#include "handler/poison.h"

enum { OVERRUN_LIMIT = 1 << 24, REAP_PER_BACKSTOP = 4, STACK_BYTES_LIMIT = 1 << 30 };

/* More than any thread can owe from before it was found: the host has overwritten it. */
static const uint64_t owed_limit_ns = (uint64_t)1 << 40;

struct sp_handler_state sp_handler = {.process_timer = -1};

static uint32_t stripe_of(uintptr_t stack_address)
{
    return (uint32_t)((stack_address >> 12) * 0x9e3779b1u >> 20) % SP_STRIPES;
}

static bool enter(uint32_t stripe)
{
    sp_add_seq_cst(&sp_handler.inflight[stripe].handlers, 1u);
    return sp_load_seq_cst(&sp_handler.state) == SP_SESSION_RUNNING;
}

void sp_handler_leave(uint32_t stripe)
{
    sp_sub_release(&sp_handler.inflight[stripe].handlers, 1u);
}

bool sp_handler_enter(uint32_t *stripe)
{
    *stripe = stripe_of((uintptr_t)__builtin_frame_address(0));
    if (enter(*stripe) && sp_load_relaxed(&sp_handler.pid) == sp_raw_process_id())
        return true;
    sp_handler_leave(*stripe);
    return false;
}

uint32_t sp_handler_inside(void)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < SP_STRIPES; i++)
        sum += sp_load_seq_cst(&sp_handler.inflight[i].handlers);
    return sum;
}

/* The thread that is about to be sampled. Slot 0: one that has no slot. */
struct subject {
    uint32_t slot;
    uint32_t generation;
    int32_t tid;
    struct sp_stack_bounds bounds;
};

static void count(struct sp_count *counter, uint64_t weight)
{
    sp_add_relaxed(&counter->deliveries, (uint64_t)1);
    sp_add_relaxed(&counter->weight, weight);
}

static void record(const struct subject *who, const struct sp_registers *registers, uint64_t weight,
                   struct sp_stripe *stripe)
{
    const struct sp_segment *segment = &sp_handler.segment;
    struct sp_reservation reservation;
    enum sp_loss reason;
    count(&stripe->fired, weight);
    const uint32_t first = who->slot != 0 ? who->slot : (uint32_t)who->tid;
    if (!sp_shard_begin(segment, first, &reservation, &reason)) {
        count(&stripe->lost[reason], weight);
        return;
    }
    enum sp_stack_end end;
    uint64_t *words = reservation.record;
    words[1] = (uint64_t)(who->generation & 0xffffff) << 24 | who->slot;
    words[2] = (uint32_t)who->tid;
    const uint32_t depth =
        sp_unwind(registers, &who->bounds, words + SP_RECORD_HEAD_WORDS, segment->geometry.max_depth, &end);
    sp_shard_commit(&reservation, depth, end, weight);
}

/* 1 and the expirations that the kernel merged into this signal (timer_getoverrun(2)). */
static uint64_t weight_of(const siginfo_t *info)
{
    const int overrun = info->si_overrun;
    return overrun > 0 && overrun < OVERRUN_LIMIT ? 1 + (uint64_t)overrun : 1;
}

/* Who a thread timer's cookie names, if that is the thread that was interrupted. */
static bool identify(uint64_t cookie, const struct sp_registers *registers, struct subject *who)
{
    const struct sp_segment *segment = &sp_handler.segment;
    const uint32_t slot = (uint32_t)cookie & 0xffffff, generation = (uint32_t)(cookie >> 24) & 0xffffff;
    if (slot >= segment->geometry.n_slots)
        return false;
    const struct sp_slot *at = sp_segment_slot(segment, slot);
    if ((sp_load_relaxed(&at->generation) & 0xffffff) != generation)
        return false;
    *who = (struct subject){.slot = slot, .generation = generation, .tid = sp_load_relaxed(&at->tid)};
    const uintptr_t low = sp_load_relaxed(&at->stack_low), high = sp_load_relaxed(&at->stack_high);
    if (registers->sp >= low && registers->sp < high && high - low <= STACK_BYTES_LIMIT) {
        who->bounds = (struct sp_stack_bounds){registers->sp, high};
        return true;
    }
    return sp_raw_thread_id() == who->tid;
}

static bool is_stop_requested(void)
{
    return sp_load_relaxed(&sp_handler.segment.header->stop_requested) != 0;
}

/* Arms a thread that the collector found. What it has used so far was not sampled: its first sample will carry it. */
static void arm_unlisted_thread(int32_t tid)
{
    const struct sp_segment *segment = &sp_handler.segment;
    const uint64_t used_ns = sp_raw_clock_ns(sp_thread_clock(tid));
    if (sp_raw_thread_exists(sp_load_relaxed(&sp_handler.pid), tid) != 0)
        return;
    const uint32_t slot = sp_thread_arm(segment, tid, NULL);
    if (slot != 0 && slot != SP_ARM_BUSY)
        sp_store_relaxed(&sp_segment_slot(segment, slot)->owed_ns, used_ns);
}

/* Arms the threads that the collector found and nobody announced. */
static void arm_unlisted(void)
{
    struct sp_header *header = sp_handler.segment.header;
    for (uint32_t i = 0; i < SP_UNLISTED; i++) {
        if (sp_load_relaxed(&header->unlisted[i]) == 0)
            continue;
        const int32_t tid = sp_exchange_seq_cst(&header->unlisted[i], 0);
        if (tid > 0)
            arm_unlisted_thread(tid);
    }
}

/* What a signal does beside its sample: arms whom nobody announced, takes back from those that ended unannounced. */
static void look_after_threads(void)
{
    arm_unlisted();
    sp_thread_reap(&sp_handler.segment, sp_load_relaxed(&sp_handler.pid), REAP_PER_BACKSTOP);
}

/* Threads that have the process timer alone: no slot, or no timer of their own to be had. */
static bool has_untimed_threads(const struct sp_header *header)
{
    return sp_load_relaxed(&header->slots_full) != 0 || sp_load_relaxed(&header->timers_refused) != 0;
}

/*
 * Once per drain, in the first sample of a known thread. While known threads run, the process timer has nothing to
 * find that the collector does not, and does harm: when both timers expire on one tick, the kernel hands the
 * process's signal, which this handler blocks, to another thread, and ends its sleep.
 */
static void stand_in_for_process_timer(void)
{
    struct sp_header *header = sp_handler.segment.header;
    if (sp_load_relaxed(&header->postpone) == 0 || sp_exchange_seq_cst(&header->postpone, 0u) == 0)
        return;
    const int32_t timer = sp_load_relaxed(&sp_handler.process_timer);
    if (timer >= 0 && !has_untimed_threads(header))
        sp_process_timer_postpone(&sp_handler.segment, timer);
    look_after_threads();
}

/* The periods that a thread used before it had a timer, rounded. */
static uint64_t take_owed(uint32_t slot)
{
    struct sp_slot *at = sp_segment_slot(&sp_handler.segment, slot);
    if (sp_load_relaxed(&at->owed_ns) == 0)
        return 0;
    const uint64_t period_ns = sp_handler.segment.geometry.period_ns;
    const uint64_t owed_ns = sp_exchange_seq_cst(&at->owed_ns, (uint64_t)0);
    return owed_ns <= owed_limit_ns ? (owed_ns + period_ns / 2) / period_ns : 0;
}

static bool on_thread_timer(uint64_t cookie, const siginfo_t *info, const struct sp_registers *registers,
                            struct sp_stripe *stripe)
{
    struct subject who;
    if (!identify(cookie, registers, &who))
        return false;
    if (is_stop_requested()) {
        sp_thread_stop_timer(&sp_handler.segment, who.slot);
        return true;
    }
    record(&who, registers, weight_of(info) + take_owed(who.slot), stripe);
    stand_in_for_process_timer();
    return true;
}

static void stop_process_timer(void)
{
    const int32_t timer = sp_exchange_seq_cst(&sp_handler.process_timer, -1);
    if (timer >= 0)
        sp_raw_timer_delete(timer);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t periods_used(int32_t tid)
{
    return sp_raw_clock_ns(sp_thread_clock(tid)) / sp_handler.segment.geometry.period_ns;
}

/*
 * The process timer: a backstop for threads that nobody announced. The kernel hands its signal to the thread that ran
 * (Linux ≥ 6.4) or to any (before), once per period of the whole process's CPU time. A thread that has a timer of its
 * own does nothing with it; one that has none is sampled, at the weight of the time that the signal stands for, and
 * gets its timer here. A thread that has used more than that by itself was passed over while the timer was postponed.
 */
static bool on_process_timer(uint64_t cookie, const siginfo_t *info, const struct sp_registers *registers,
                             struct sp_stripe *stripe)
{
    const struct sp_segment *segment = &sp_handler.segment;
    if (cookie != sp_cookie(0, sp_handler.generation))
        return false;
    if (is_stop_requested()) {
        stop_process_timer();
        return true;
    }
    struct subject who = {.tid = sp_raw_thread_id()};
    look_after_threads();
    const uint32_t known = sp_segment_find(segment, who.tid);
    if (known != 0 && sp_load_relaxed(&sp_segment_slot(segment, known)->timer) >= 0) {
        sp_add_relaxed(&stripe->backstop_idle, (uint64_t)1);
        return true;
    }
    uint64_t weight = weight_of(info) * segment->geometry.backstop_periods;
    who.slot = known != 0 ? known : sp_thread_arm(segment, who.tid, NULL);
    if (who.slot == SP_ARM_BUSY)
        who.slot = 0;
    if (who.slot != 0)
        who.generation = sp_load_relaxed(&sp_segment_slot(segment, who.slot)->generation);
    if (known == 0 && who.slot != 0)
        weight = larger(weight, periods_used(who.tid));
    record(&who, registers, weight, stripe);
    return true;
}

static uint64_t cookie_of(const siginfo_t *info)
{
    return info->si_code == SI_TIMER ? (uint64_t)(uintptr_t)info->si_value.sival_ptr : 0;
}

/* A signal of ours: true unless its cookie is forged or stale. */
static void on_our_signal(uint64_t cookie, const siginfo_t *info, const void *context, uint32_t stripe_number)
{
    struct sp_stripe *stripe = &sp_handler.segment.header->stripes[stripe_number];
    struct sp_registers registers;
    sp_arch_capture(context, &registers);
    const bool is_process_timer = (cookie & 0xffffff) == 0;
    const bool is_genuine = is_process_timer ? on_process_timer(cookie, info, &registers, stripe)
                                             : on_thread_timer(cookie, info, &registers, stripe);
    if (!is_genuine)
        sp_add_relaxed(&stripe->stray, (uint64_t)1);
}

/*
 * Hands a signal that is not ours to the host's handler of SIGPROF, under the mask that the kernel would have given it.
 * Nothing of ours is held meanwhile: it may siglongjmp away. Where there was no handler, nothing happens: the default
 * action would end the process, and a profiler's guest does not die of a tick.
 */
static void chain(int signal_number, siginfo_t *info, void *context)
{
    const struct sigaction *host = sp_load_acquire(&sp_handler.host);
    if (host == NULL || host->sa_handler == SIG_DFL || host->sa_handler == SIG_IGN)
        return;
    uint64_t mask = *(const uint64_t *)(const void *)&((const ucontext_t *)context)->uc_sigmask;
    mask |= *(const uint64_t *)(const void *)&host->sa_mask;
    if ((host->sa_flags & SA_NODEFER) == 0)
        mask |= (uint64_t)1 << (SIGPROF - 1);
    sp_raw_signal_mask(mask);
    if ((host->sa_flags & SA_SIGINFO) != 0)
        host->sa_sigaction(signal_number, info, context);
    else
        host->sa_handler(signal_number);
}

void sp_handler_entry(int signal_number, siginfo_t *info, void *context)
{
    const uint64_t cookie = cookie_of(info);
    if (cookie >> 48 == SP_COOKIE_TAG) {
        const uint32_t stripe = stripe_of((uintptr_t)__builtin_frame_address(0));
        if (enter(stripe))
            on_our_signal(cookie, info, context, stripe);
        else
            sp_add_relaxed(&sp_handler.late, (uint64_t)1);
        sp_handler_leave(stripe);
        return;
    }
    sp_add_relaxed(&sp_handler.stray, (uint64_t)1);
    chain(signal_number, info, context);
}
