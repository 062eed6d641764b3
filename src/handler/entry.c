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
 * cookie or the perf event's descriptor says, checked against the stack pointer or, where the stack is not known,
 * against gettid.
 */
#include "handler/entry.h"

#include "handler/account.h"
#include "handler/host_traceback.h"
#include "handler/object.h"
#include "handler/pace.h"
#include "handler/raw_calls.h"
#include "handler/shard.h"
#include "handler/threads.h"
#include "handler/trigger.h"
#include "handler/virtual_stack.h"

#include "handler/poison.h"

enum { OVERRUN_LIMIT = 1 << 24, REAP_PER_LOOK = 4, STACK_BYTES_LIMIT = 1 << 30 };

#define PASSED_ON UINT64_C(0x73702d7061737365) /* what no kernel leaves there */

struct sp_handler_state sp_handler = {.process_timer = -1, .event_fd = INT32_MAX};

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
    struct sp_stack_bounds stack;
};

/*
 * Where what the thread owes at its end belongs, if nobody has told its start routine: the root of a stack of its own.
 * `root` is a return address, or, of a stack of one frame, the interrupted pc.
 */
static void learn_start(uint32_t slot, uint64_t root, uint32_t depth)
{
    struct sp_slot *at = sp_segment_slot(&sp_handler.segment, slot);
    if (slot != 0 && !sp_pc_is_virtual(root) && sp_load_relaxed(&at->start_routine) == 0)
        sp_store_relaxed(&at->start_routine, depth > 1 ? root - 1 : root);
}

/* The shard is locked. */
static void count_walk(struct sp_shard *shard, const struct sp_walk_facts *facts)
{
    sp_store_relaxed(&shard->frames, sp_load_relaxed(&shard->frames) + facts->frames);
    sp_store_relaxed(&shard->rules_missed, sp_load_relaxed(&shard->rules_missed) + facts->misses);
    if ((facts->virtual_placed | facts->virtual_dropped | facts->virtual_damaged) == 0)
        return;
    sp_store_relaxed(&shard->virtual_placed, sp_load_relaxed(&shard->virtual_placed) + facts->virtual_placed);
    sp_store_relaxed(&shard->virtual_dropped, sp_load_relaxed(&shard->virtual_dropped) + facts->virtual_dropped);
    sp_store_relaxed(&shard->virtual_damaged, sp_load_relaxed(&shard->virtual_damaged) + facts->virtual_damaged);
}

/* Asks the host's filter. A function of its own, for the list of indirect calls. */
__attribute__((noinline)) static bool is_wanted(const struct sp_sample_filter *filter)
{
    return filter->ask(filter->argument) != 0;
}

/* Tells the collector of a sample that is not wanted, and of nothing in it. */
static void commit_refused(struct sp_reservation *reservation, uint64_t weight)
{
    reservation->record[SP_RECORD_HEAD_WORDS] = 0;
    reservation->kind = SP_RECORD_FILTERED;
    sp_shard_commit(reservation, 1, SP_STACK_COMPLETE, weight);
}

/* The stack, by the host's function or else by our walk. Returns its depth, ≥ 1. */
static uint32_t find_stack(const struct subject *who, const void *context, struct sp_reservation *to,
                           enum sp_stack_end *end)
{
    const struct sp_segment *segment = to->segment;
    uint64_t *pcs = to->record + SP_RECORD_HEAD_WORDS;
    const uint32_t given = sp_traceback_is_set() ? sp_traceback_take(segment, to->shard, context, pcs, end) : 0;
    if (given > 0) {
        to->kind = SP_RECORD_TRACEBACK;
        return given;
    }
    struct sp_walk_facts facts;
    const uint32_t depth =
        sp_unwind_with(sp_segment_scratch(segment, to->shard), context, &who->stack, sp_virtual_find(who->tid),
                       sp_segment_unwind(segment), pcs, segment->geometry.max_depth, &facts);
    count_walk(sp_segment_shard(segment, to->shard), &facts);
    *end = facts.end;
    return depth;
}

static void record(const struct subject *who, const void *context, uint64_t weight, struct sp_stripe *stripe)
{
    const struct sp_segment *segment = &sp_handler.segment;
    struct sp_reservation reservation;
    enum sp_loss reason;
    sp_count_add(&stripe->fired, weight);
    const uint32_t first = who->slot != 0 ? who->slot : (uint32_t)who->tid;
    const bool is_refused = sp_handler.filter.ask != NULL && !is_wanted(&sp_handler.filter);
    if (!sp_shard_begin(segment, first, is_refused ? 1 : segment->geometry.max_depth, &reservation, &reason)) {
        sp_count_add(&stripe->lost[reason], weight);
        return;
    }
    enum sp_stack_end end;
    uint64_t *words = reservation.record;
    words[1] = sp_record_slot(who->slot, who->generation);
    words[2] = sp_record_thread(who->tid, sp_objects_epoch());
    if (is_refused) {
        commit_refused(&reservation, weight);
        return;
    }
    const uint32_t depth = find_stack(who, context, &reservation, &end);
    learn_start(who->slot, words[SP_RECORD_HEAD_WORDS + depth - 1], depth);
    sp_shard_commit(&reservation, depth, end, weight);
}

/* 1 and the expirations that the kernel merged into this signal (timer_getoverrun(2)). */
static uint64_t weight_of(const siginfo_t *info)
{
    const int overrun = info->si_overrun;
    return overrun > 0 && overrun < OVERRUN_LIMIT ? 1 + (uint64_t)overrun : 1;
}

/* Whether the thread of `slot`, which is in range, is the one that was interrupted. */
static bool identify(uint32_t slot, const void *context, struct subject *who)
{
    const struct sp_slot *at = sp_segment_slot(&sp_handler.segment, slot);
    *who = (struct subject){
        .slot = slot, .generation = sp_load_relaxed(&at->generation) & 0xffffff, .tid = sp_load_relaxed(&at->tid)};
    const uintptr_t low = sp_load_relaxed(&at->stack_low), high = sp_load_relaxed(&at->stack_high);
    struct sp_registers registers;
    sp_arch_capture(context, &registers);
    if (registers.sp >= low && registers.sp < high && high - low <= STACK_BYTES_LIMIT) {
        who->stack = (struct sp_stack_bounds){low, high};
        return true;
    }
    return sp_raw_thread_id() == who->tid;
}

/* The slot that a thread timer's cookie names, or 0: a forged cookie, or one of an earlier owner. */
static uint32_t slot_of(uint64_t cookie)
{
    const struct sp_segment *segment = &sp_handler.segment;
    const uint32_t slot = (uint32_t)cookie & 0xffffff, generation = (uint32_t)(cookie >> 24) & 0xffffff;
    if (slot >= sp_segment_slots(segment))
        return 0;
    return (sp_load_relaxed(&sp_segment_slot(segment, slot)->generation) & 0xffffff) == generation ? slot : 0;
}

static bool is_stop_requested(void)
{
    return sp_load_relaxed(&sp_handler.segment.header->stop_requested) != 0;
}

/* Arms the threads that the collector found and nobody announced. */
static void arm_unlisted(void)
{
    struct sp_header *header = sp_handler.segment.header;
    for (uint32_t i = 0; i < SP_UNLISTED; i++) {
        if (sp_load_relaxed(&header->unlisted[i]) == 0)
            continue;
        const int32_t tid = sp_exchange_seq_cst(&header->unlisted[i], 0);
        if (tid > 0 && sp_raw_thread_exists(sp_load_relaxed(&sp_handler.pid), tid) == 0)
            sp_thread_arm(&sp_handler.segment, tid, NULL);
    }
}

/* Takes slots back from threads that ended unannounced: those that the collector missed, and a few at random. */
static void reap(void)
{
    struct sp_header *header = sp_handler.segment.header;
    const int32_t pid = sp_load_relaxed(&sp_handler.pid);
    for (uint32_t i = 0; i < SP_UNLISTED; i++)
        if (sp_load_relaxed(&header->ended[i]) != 0)
            sp_thread_reap(&sp_handler.segment, pid, sp_exchange_seq_cst(&header->ended[i], 0u));
    sp_thread_reap_some(&sp_handler.segment, pid, REAP_PER_LOOK);
}

/* What a signal does beside its sample. */
static void look_after_threads(void)
{
    arm_unlisted();
    reap();
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

/* Sampling is to end: the thread gives its trigger back, and what it owes is settled. */
static void end_sampling(uint32_t slot, struct sp_stripe *stripe)
{
    sp_trigger_stop(&sp_handler.segment, slot);
    sp_account_settle(&sp_handler.segment, slot, stripe);
}

/* Records a sample that stands for `weight` periods of the thread's account. */
static void pay_and_record(const struct subject *who, const void *context, uint64_t weight, struct sp_stripe *stripe)
{
    sp_account_pay(sp_segment_slot(&sp_handler.segment, who->slot), weight);
    record(who, context, weight, stripe);
}

/* What the calling thread owes by its clock. */
static uint64_t owed_by_self(uint32_t slot)
{
    return sp_account_owed(&sp_handler.segment, slot, sp_raw_clock_ns(CLOCK_THREAD_CPUTIME_ID));
}

/* A signal of a thread's own timer or event; `weight` 0: it owes nothing yet. */
static void on_own_signal(const struct subject *who, const void *context, uint64_t weight, struct sp_stripe *stripe)
{
    if (is_stop_requested()) {
        end_sampling(who->slot, stripe);
        return;
    }
    if (weight == 0)
        sp_add_relaxed(&stripe->early, (uint64_t)1);
    else
        pay_and_record(who, context, weight, stripe);
    stand_in_for_process_timer();
}

static bool on_thread_timer(uint64_t cookie, const siginfo_t *info, const void *context, struct sp_stripe *stripe)
{
    struct subject who;
    const uint32_t slot = slot_of(cookie);
    if (slot == 0 || !identify(slot, context, &who))
        return false;
    const bool is_first = sp_trigger_is_first(&sp_handler.segment, slot);
    on_own_signal(&who, context, is_first ? owed_by_self(slot) : weight_of(info), stripe);
    return true;
}

static void stop_process_timer(void)
{
    const int32_t timer = sp_exchange_seq_cst(&sp_handler.process_timer, -1);
    if (timer >= 0)
        sp_raw_timer_delete(timer);
}

/* The slot of the calling thread, which gets one if it has none; 0: there is none to be had. */
static uint32_t find_or_arm(int32_t tid)
{
    static const struct sp_birth self = {.is_self = true};
    const uint32_t known = sp_segment_find(&sp_handler.segment, tid);
    const uint32_t slot = known != 0 ? known : sp_thread_arm(&sp_handler.segment, tid, &self);
    return slot == SP_ARM_BUSY ? 0 : slot;
}

/*
 * The process timer: a backstop for threads that nobody announced. The kernel hands its signal to the thread that ran
 * (Linux ≥ 6.4) or to any (before), once per period of the whole process's CPU time. A thread that has a trigger of its
 * own, or gets it here, leaves its sample to that: a timer that is set late comes at once, with all that the thread
 * owes. One that can have none is sampled, at the weight of its own clock, and without a slot at the weight of the time
 * that the signal stands for.
 */
static bool on_process_timer(uint64_t cookie, const siginfo_t *info, const void *context, struct sp_stripe *stripe)
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
    who.slot = find_or_arm(who.tid);
    if (who.slot == 0) {
        record(&who, context, weight_of(info) * segment->geometry.backstop_periods, stripe);
        return true;
    }
    sp_trigger_mend(segment, who.slot);
    const struct sp_slot *at = sp_segment_slot(segment, who.slot);
    const uint64_t weight = sp_trigger_is_on(at) ? 0 : owed_by_self(who.slot);
    who.generation = sp_load_relaxed(&at->generation);
    if (weight == 0)
        sp_add_relaxed(&stripe->backstop_idle, (uint64_t)1);
    else
        pay_and_record(&who, context, weight, stripe);
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
    const bool is_process_timer = (cookie & 0xffffff) == 0;
    const bool is_genuine = is_process_timer ? on_process_timer(cookie, info, context, stripe)
                                             : on_thread_timer(cookie, info, context, stripe);
    if (!is_genuine)
        sp_add_relaxed(&stripe->stray, (uint64_t)1);
}

/*
 * A signal of a perf event: it names its descriptor, and carries no value. False when that is not one of ours. One that
 * comes when no session runs is late: the host has no use for it.
 */
static bool on_perf_event(const siginfo_t *info, const void *context, uint32_t stripe_number)
{
    const struct sp_segment *segment = &sp_handler.segment;
    struct subject who;
    const uint32_t slot = sp_trigger_slot_of(segment, info->si_fd);
    if (slot == 0)
        return false;
    struct sp_stripe *stripe = &segment->header->stripes[stripe_number];
    if (identify(slot, context, &who)) {
        const uint64_t owed = owed_by_self(slot);
        if (info->si_code != SP_POLL_BEHIND) {
            sp_trigger_is_first(segment, slot);
            sp_pace_keep(segment, slot, owed);
        }
        on_own_signal(&who, context, owed, stripe);
    } else {
        sp_add_relaxed(&stripe->stray, (uint64_t)1);
    }
    return true;
}

/* Whether a signal comes from a descriptor (F_SETSIG, fcntl(2)), and from one where our perf events are. */
static bool is_from_event(const siginfo_t *info)
{
    return info->si_code >= POLL_IN && info->si_code <= POLL_HUP &&
           info->si_fd >= sp_load_relaxed(&sp_handler.event_fd);
}

/* Deals with a signal if it is ours. */
static bool take(const siginfo_t *info, const void *context)
{
    const uint64_t cookie = cookie_of(info);
    const bool has_cookie = cookie >> 48 == SP_COOKIE_TAG;
    if (!has_cookie && !is_from_event(info))
        return false;
    const uint32_t stripe = stripe_of((uintptr_t)__builtin_frame_address(0));
    bool is_ours = true;
    if (!enter(stripe))
        sp_add_relaxed(&sp_handler.late, (uint64_t)1);
    else if (has_cookie)
        on_our_signal(cookie, info, context, stripe);
    else
        is_ours = on_perf_event(info, context, stripe);
    sp_handler_leave(stripe);
    return is_ours;
}

/*
 * A handler that the host has put in front of ours past our sigaction, by a system call of its own, takes ours for its
 * predecessor and may pass on to it what it has no use for. So a signal is marked before the host gets it, in the part
 * of siginfo_t that the kernel does not use: one that comes back is let go. The mark has the address of our frame,
 * below which the host's handler is; one that was left there by an earlier signal, since the host has jumped away, has
 * an address that is not between the signal and the present frame.
 */
static inline uint64_t *mark_of(siginfo_t *info)
{
    return (uint64_t *)(void *)((char *)info + sizeof *info - sizeof(uint64_t));
}

static bool has_come_back(siginfo_t *info, uintptr_t frame)
{
    const uint64_t marked = *mark_of(info) ^ PASSED_ON;
    return marked > frame && marked < (uintptr_t)info;
}

/*
 * Hands a signal that is not ours to the host's handler of SIGPROF, under the mask that the kernel would have given it.
 * Nothing of ours is held meanwhile: it may siglongjmp away. Where there was no handler, nothing happens: the default
 * action would end the process, and a profiler's guest does not die of a tick.
 */
static void chain(int signal_number, siginfo_t *info, void *context, uintptr_t frame)
{
    const struct sigaction *host = sp_load_acquire(&sp_handler.host);
    if (host == NULL || host->sa_handler == SIG_DFL || host->sa_handler == SIG_IGN)
        return;
    uint64_t mask = *(const uint64_t *)(const void *)&((const ucontext_t *)context)->uc_sigmask;
    mask |= *(const uint64_t *)(const void *)&host->sa_mask;
    if ((host->sa_flags & SA_NODEFER) == 0)
        mask |= (uint64_t)1 << (SIGPROF - 1);
    sp_raw_signal_mask(mask);
    *mark_of(info) = PASSED_ON ^ frame;
    if ((host->sa_flags & SA_SIGINFO) != 0)
        host->sa_sigaction(signal_number, info, context);
    else
        host->sa_handler(signal_number);
    *mark_of(info) = 0;
}

void sp_handler_entry(int signal_number, siginfo_t *info, void *context)
{
    const uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    if (take(info, context) || has_come_back(info, frame))
        return;
    sp_add_relaxed(&sp_handler.stray, (uint64_t)1);
    chain(signal_number, info, context, frame);
}
