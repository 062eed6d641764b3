/*
 * Looking at threads.
 *
 * Place: see thread_watch.h. Context: ordinary code, one thread at a time; the target runs beside it and may change
 * anything in its segment at any time. So whatever is read there is read once and held against a bound.
 */
#include "collector/thread_watch.h"

#include <stdlib.h>
#include <unistd.h>

static const int64_t look_again_ns = 1000000000;
enum { FEW_THREADS = 64 }; /* so many are looked at in one go without much ado */

/* How far the process's clock may be ahead of the samples before all threads are looked at: the larger of the two. */
static const uint64_t ahead_least_ns = 50000000, ahead_percent = 3;

/* CPU time without a single sample after which a trigger that is there cannot have reached our handler. */
static const uint64_t silence_ns = 200000000;

/* No tick is longer (HZ=100), whatever the segment says. */
static const uint64_t tick_limit_ns = 10000000;

uint64_t sp_gap_limit_ns(const struct sp_segment *segment, uint64_t kernel_ns)
{
    const uint64_t tick_ns = sp_load_relaxed(&segment->header->tick_ns);
    const uint64_t ticks_ns = 2 * (tick_ns != 0 && tick_ns < tick_limit_ns ? tick_ns : tick_limit_ns);
    const uint64_t slack_ns = 2 * segment->geometry.period_ns + ticks_ns, share_ns = kernel_ns / 50;
    return slack_ns > share_ns ? slack_ns : share_ns;
}

void sp_thread_watch_start(struct sp_thread_watch *watch, pid_t pid)
{
    sp_proc_cpu_ns(pid, &watch->clock_ns);
    watch->then_ns = watch->clock_ns;
}

void sp_thread_watch_done(struct sp_thread_watch *watch)
{
    free(watch->tids.at);
    *watch = (struct sp_thread_watch){0};
}

/*
 * When the account of a thread began. One that has a slot has it there. One without has all its CPU time in it, but
 * when it was there before this process looked at itself for the first time.
 */
static uint64_t since_of(const struct sp_known_thread *thread, const struct sp_slot *slot,
                         const struct sp_thread_watch *watch, const struct sp_watched *process, uint64_t clock_ns)
{
    uint64_t since_ns = 0;
    if (slot != NULL)
        since_ns = sp_load_relaxed(&slot->since_ns);
    else if (thread->clock_ns != 0 || watch->looked_ns != 0)
        since_ns = thread->since_ns;
    else if (process->pid == getpid())
        since_ns = clock_ns;
    return since_ns < clock_ns ? since_ns : clock_ns;
}

/* Whether threads give their slots back because sampling ends. */
static bool is_stopping(const struct sp_segment *segment)
{
    return sp_load_relaxed(&segment->header->stop_requested) != 0 ||
           sp_load_relaxed(&segment->header->threads_live) == 0;
}

/*
 * Whether a thread with a trigger ran long enough without a sample. Time in the kernel counts under a timer, whose
 * signal comes with the end of the system call; a perf event does not even count there.
 */
static bool is_silent(struct sp_known_thread *thread, const struct sp_slot *slot, pid_t pid)
{
    uint64_t user_ns;
    if (thread->clock_ns - thread->sampled_clock_ns < silence_ns)
        return false;
    if (sp_load_relaxed(&slot->perf_fd) < 0)
        return true;
    if (!sp_proc_thread_user_ns(pid, thread->key.tid, &user_ns))
        return false;
    if (thread->silent_user_ns == 0)
        thread->silent_user_ns = user_ns + 1;
    return user_ns >= thread->silent_user_ns + silence_ns;
}

/* What keeps the samples of a thread away, as far as it can be seen. */
static enum sp_gap reason_of(struct sp_known_thread *thread, const struct sp_slot *slot, pid_t pid)
{
    struct sp_proc_sigprof sigprof;
    if (slot == NULL)
        return SP_GAP_NO_SLOT;
    if (sp_load_relaxed(&slot->timer) < 0 && sp_load_relaxed(&slot->perf_fd) < 0)
        return SP_GAP_NO_TIMER;
    if (!sp_proc_thread_sigprof(pid, thread->key.tid, &sigprof))
        return SP_GAP_UNKNOWN;
    if (sigprof.is_blocked)
        return SP_GAP_BLOCKED;
    if (sigprof.is_ignored)
        return SP_GAP_IGNORED;
    return is_silent(thread, slot, pid) ? SP_GAP_REPLACED : SP_GAP_UNKNOWN;
}

/*
 * The thread whose clock has been read; NULL when its account is closed, or not to be opened: it has just settled it,
 * or all are about to.
 */
static struct sp_known_thread *thread_of(const struct sp_watched *process, int32_t tid, uint64_t clock_ns)
{
    const struct sp_thread_key slotless = {.tid = tid};
    const bool has_slot = sp_segment_find(process->segment, tid) != 0;
    struct sp_known_thread *thread = sp_known_thread_find(process->threads, slotless);
    if (!has_slot && thread != NULL && clock_ns < thread->clock_ns) {
        thread->ended_ns = process->now_ns; /* the tid has come back */
        thread = NULL;
    }
    if (!has_slot && thread == NULL &&
        (is_stopping(process->segment) || sp_known_threads_has_settled(process->threads, tid, process->now_ns)))
        return NULL;
    thread = sp_known_thread_now(process->threads, process->segment, tid);
    return thread != NULL && thread->ended_ns == 0 ? thread : NULL;
}

/* Compares the samples with the clock. */
static bool has_gap(struct sp_known_thread *thread, const struct sp_segment *segment)
{
    const uint64_t weight = thread->weight + thread->filtered;
    if (weight != thread->sampled_weight || thread->sampled_clock_ns < thread->since_ns) {
        thread->sampled_weight = weight;
        thread->sampled_clock_ns = thread->clock_ns;
        thread->silent_user_ns = 0;
    }
    const uint64_t kernel_ns = sp_known_thread_kernel_ns(thread);
    const uint64_t recorded_ns = weight * segment->geometry.period_ns;
    return kernel_ns > recorded_ns && kernel_ns - recorded_ns > sp_gap_limit_ns(segment, kernel_ns);
}

static void look_at(struct sp_thread_watch *watch, const struct sp_watched *process, int32_t tid)
{
    uint64_t clock_ns;
    if (!sp_proc_thread_cpu_ns(process->pid, tid, &clock_ns))
        return;
    struct sp_known_thread *thread = thread_of(process, tid, clock_ns);
    if (thread == NULL)
        return;
    const struct sp_slot *slot = sp_known_thread_slot(thread, process->segment);
    thread->since_ns = since_of(thread, slot, watch, process, clock_ns);
    thread->clock_ns = clock_ns;
    const enum sp_gap gap = has_gap(thread, process->segment) ? reason_of(thread, slot, process->pid) : SP_GAP_NONE;
    if (gap != SP_GAP_UNKNOWN || thread->gap == SP_GAP_NONE) /* a better reason found before stays */
        thread->gap = gap;
    if (gap != SP_GAP_NONE || thread->name == 0)
        sp_known_thread_name(thread, process->segment, process->pid, process->now_ns, process->profile);
    if (slot != NULL)
        sp_known_thread_end_slotless(process->threads, tid, thread->since_ns, process->now_ns);
}

static void look_at_all(struct sp_thread_watch *watch, const struct sp_watched *process)
{
    for (size_t i = 0; i < watch->tids.n; i++)
        look_at(watch, process, watch->tids.at[i]);
    watch->then_ns = watch->clock_ns;
    watch->then_accounted_ns = process->accounted_ns;
}

static void look_at_some(struct sp_thread_watch *watch, const struct sp_watched *process)
{
    for (size_t i = 0; i < FEW_THREADS && i < watch->tids.n; i++)
        look_at(watch, process, watch->tids.at[watch->turn++ % watch->tids.n]);
}

/* Tells the target of threads that nobody announced. */
static void tell_unlisted(const struct sp_tids *tids, const struct sp_segment *segment)
{
    uint32_t n = 0;
    for (size_t i = 0; i < tids->n && n < SP_UNLISTED; i++)
        if (sp_segment_find(segment, tids->at[i]) == 0)
            sp_store_release(&segment->header->unlisted[n++], tids->at[i]);
}

/* The list may lack a thread that is there: others ended while it was read, or the thread is newer. */
static bool is_gone(const struct sp_tids *tids, pid_t pid, int32_t tid)
{
    return tid > 0 && !sp_tids_have(tids, tid) && !sp_proc_has_thread(pid, tid);
}

/* Tells the target of slots whose thread is no more. */
static void tell_ended(const struct sp_tids *tids, const struct sp_watched *process)
{
    const struct sp_segment *segment = process->segment;
    const uint32_t slots = sp_segment_slots(segment);
    uint32_t n = 0;
    for (uint32_t slot = 1; slot < slots && n < SP_UNLISTED; slot++) {
        const struct sp_slot *at = sp_segment_slot(segment, slot);
        if (sp_load_acquire(&at->state) == SP_SLOT_LIVE && is_gone(tids, process->pid, sp_load_relaxed(&at->tid)))
            sp_store_release(&segment->header->ended[n++], slot);
    }
}

/* Threads that ended without a record of it: killed, or by a system call of their own. */
static void note_ended(const struct sp_tids *tids, const struct sp_watched *process)
{
    for (size_t i = 0; i < process->threads->known.n; i++) {
        struct sp_known_thread *thread = &process->threads->known.at[i];
        if (thread->ended_ns == 0 && is_gone(tids, process->pid, thread->key.tid))
            thread->ended_ns = process->now_ns;
    }
}

static bool is_ahead(const struct sp_thread_watch *watch, const struct sp_watched *process)
{
    const uint64_t used_ns = watch->clock_ns - watch->then_ns;
    const uint64_t sampled_ns = process->accounted_ns - watch->then_accounted_ns;
    const uint64_t share_ns = used_ns / 100 * ahead_percent;
    return used_ns > sampled_ns && used_ns - sampled_ns > (share_ns > ahead_least_ns ? share_ns : ahead_least_ns);
}

/* Whether something can be told to the target: threads without a slot, as long as there are slots, or the reverse. */
static bool has_news(const struct sp_watched *process, uint64_t n_threads)
{
    const uint32_t live = sp_load_relaxed(&process->segment->header->threads_live);
    return n_threads != live && live < process->segment->geometry.n_slots - 1;
}

bool sp_thread_watch_look(struct sp_thread_watch *watch, const struct sp_watched *process, bool is_last)
{
    sp_proc_cpu_ns(process->pid, &watch->clock_ns);
    const uint64_t n_threads = sp_proc_count_threads(process->pid);
    const bool is_due = process->now_ns - watch->looked_ns >= look_again_ns, ahead = is_ahead(watch, process);
    const bool has_few = n_threads <= FEW_THREADS, wants_all = is_last || (ahead && (has_few || is_due));
    if ((!wants_all && !is_due && !has_news(process, n_threads)) || !sp_proc_list_threads(process->pid, &watch->tids))
        return false;
    tell_unlisted(&watch->tids, process->segment);
    tell_ended(&watch->tids, process);
    note_ended(&watch->tids, process);
    if (wants_all || (has_few && is_due))
        look_at_all(watch, process);
    else if (is_due)
        look_at_some(watch, process);
    if (is_due)
        watch->looked_ns = process->now_ns;
    return is_due || wants_all;
}
