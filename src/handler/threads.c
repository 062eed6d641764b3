/*
 * Slots and timers without waiting.
 *
 * Place: see threads.h. Context: signal handler and any thread; all calls may overlap.
 *
 * Index: a tid may stand in any of the SP_INDEX_PROBE entries from its home on; an entry holds a slot number, or 0. All
 * of them are always looked at, so that taking one out needs no mark.
 *
 * A thread's own start, the scan of /proc and a backstop signal may arm the same thread at once, and two timers would
 * count its time twice. So to arm a tid takes its try-lock, one of SP_ARMING_STRIPES. A handler that does not get it
 * does without; it may have interrupted the very thread that holds it.
 *
 * A slot's life: FREE ──claim (CAS)──▶ CLAIMED ──fields written──▶ LIVE ──timer deleted──▶ FREE. Each claim takes the
 * next generation, so that a cookie of an earlier owner is seen to be stale.
 */
#include "handler/threads.h"

#include "handler/raw_calls.h"

#include "handler/poison.h"

enum { CLAIM_PROBES = 512, NS_PER_S = 1000000000 };

/* The entry that is `probe` places behind a tid's home; sp_segment_find looks at the same ones. */
static _Atomic uint32_t *entry_at(const struct sp_segment *segment, int32_t tid, uint32_t probe)
{
    return sp_segment_index(segment) + (((uint32_t)tid + probe) & (segment->geometry.n_index - 1));
}

static bool index_insert(const struct sp_segment *segment, int32_t tid, uint32_t slot)
{
    for (uint32_t probe = 0; probe < SP_INDEX_PROBE; probe++) {
        uint32_t expected = 0;
        if (sp_cas_seq_cst(entry_at(segment, tid, probe), &expected, slot))
            return true;
    }
    return false;
}

static void index_remove(const struct sp_segment *segment, int32_t tid, uint32_t slot)
{
    for (uint32_t probe = 0; probe < SP_INDEX_PROBE; probe++) {
        uint32_t expected = slot;
        if (sp_cas_seq_cst(entry_at(segment, tid, probe), &expected, 0u))
            return;
    }
}

/* Takes a free slot: 0 when none is found within CLAIM_PROBES looks. */
static uint32_t claim(const struct sp_segment *segment)
{
    const uint32_t n = segment->geometry.n_slots;
    for (uint32_t probe = 0; probe < CLAIM_PROBES && probe < 2 * n; probe++) {
        const uint32_t slot = sp_add_relaxed(&segment->header->cursor, 1u) & (n - 1);
        uint32_t expected = SP_SLOT_FREE;
        if (slot != 0 && sp_cas_seq_cst(&sp_segment_slot(segment, slot)->state, &expected, (uint32_t)SP_SLOT_CLAIMED))
            return slot;
    }
    return 0;
}

static void release(const struct sp_segment *segment, uint32_t slot)
{
    struct sp_slot *at = sp_segment_slot(segment, slot);
    index_remove(segment, sp_load_relaxed(&at->tid), slot);
    sp_store_relaxed(&at->tid, 0);
    sp_add_relaxed(&segment->header->threads_live, -1u);
    sp_store_seq_cst(&at->state, (uint32_t)SP_SLOT_FREE);
}

/* A number in (0, period]: splitmix64 over a shared seed (Steele, Lea, Flood 2014). */
static uint64_t random_first(const struct sp_segment *segment, uint64_t period_ns)
{
    uint64_t z = sp_add_relaxed(&segment->header->seed, (uint64_t)0x9e3779b97f4a7c15u) + 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return z % period_ns + 1;
}

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

/* Creates and sets a timer; its id, or -errno with nothing left behind. */
static int32_t start_timer(clockid_t clock, const struct sigevent *event, uint64_t first_ns, uint64_t period_ns)
{
    int32_t timer = -1;
    const long created = sp_raw_timer_create(clock, event, &timer);
    if (created < 0)
        return (int32_t)created;
    const struct itimerspec when = {.it_interval = timespec_of(period_ns), .it_value = timespec_of(first_ns)};
    const long set = sp_raw_timer_settime(timer, &when);
    if (set < 0) {
        sp_raw_timer_delete(timer);
        return (int32_t)set;
    }
    return timer;
}

static int32_t start_thread_timer(const struct sp_segment *segment, int32_t tid, uint64_t cookie)
{
    struct sigevent event; /* only what the kernel reads is set: clearing it all would call memset */
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGPROF;
    event.sigev_value.sival_ptr = (void *)(uintptr_t)cookie;
    event._sigev_un._tid = tid;
    const uint64_t period_ns = segment->geometry.period_ns;
    return start_timer(sp_thread_clock(tid), &event, random_first(segment, period_ns), period_ns);
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
    return start_timer(CLOCK_PROCESS_CPUTIME_ID, &event, grace_ns + random_first(segment, period_ns), period_ns);
}

/*
 * How far ahead: a known thread that runs ticks once a period and postpones again with each drain, every 100 ms; in
 * 300 ms no more CPU time can be used than that on every CPU (there are two shards per CPU).
 */
void sp_process_timer_postpone(const struct sp_segment *segment, int32_t timer)
{
    const uint64_t least_ns = 300000000, period_ns = segment->geometry.period_ns;
    const uint64_t wall_ns = 3 * period_ns > least_ns ? 3 * period_ns : least_ns;
    const struct itimerspec when = {.it_interval = timespec_of(period_ns * segment->geometry.backstop_periods),
                                    .it_value = timespec_of(wall_ns * (segment->geometry.n_shards + 1) / 2)};
    sp_raw_timer_settime(timer, &when);
}

/* Fills in a claimed slot and makes it findable: false, and the slot is free again, when the index has no room. */
static bool fill_in(const struct sp_segment *segment, uint32_t slot, int32_t tid, const struct sp_stack_bounds *bounds)
{
    struct sp_slot *at = sp_segment_slot(segment, slot);
    sp_add_relaxed(&at->generation, 1u);
    sp_store_relaxed(&at->tid, tid);
    sp_add_relaxed(&segment->header->threads_live, 1u);
    sp_store_relaxed(&at->timer, -1);
    sp_store_relaxed(&at->stack_low, bounds != NULL ? bounds->low : 0u);
    sp_store_relaxed(&at->stack_high, bounds != NULL ? bounds->high : 0u);
    sp_store_relaxed(&at->owed_ns, (uint64_t)0);
    at->name[0] = '\0';
    if (index_insert(segment, tid, slot))
        return true;
    release(segment, slot);
    return false;
}

/* With the tid's try-lock held. */
static uint32_t arm(const struct sp_segment *segment, int32_t tid, const struct sp_stack_bounds *bounds)
{
    if (sp_segment_find(segment, tid) != 0)
        return 0;
    const uint32_t slot = claim(segment);
    if (slot == 0 || !fill_in(segment, slot, tid, bounds)) {
        sp_add_relaxed(&segment->header->slots_full, 1u);
        return 0;
    }
    struct sp_slot *at = sp_segment_slot(segment, slot);
    const int32_t timer = start_thread_timer(segment, tid, sp_cookie(slot, sp_load_relaxed(&at->generation)));
    if (timer < 0)
        sp_add_relaxed(&segment->header->timers_refused, 1u);
    sp_store_relaxed(&at->timer, timer < 0 ? -1 : timer);
    sp_add_relaxed(&segment->header->threads_armed, 1u);
    sp_store_seq_cst(&at->state, (uint32_t)SP_SLOT_LIVE);
    return slot;
}

uint32_t sp_thread_arm(const struct sp_segment *segment, int32_t tid, const struct sp_stack_bounds *bounds)
{
    _Atomic uint32_t *lock = &segment->header->arming[(uint32_t)tid % SP_ARMING_STRIPES];
    if (sp_exchange_acquire(lock, 1u) != 0)
        return SP_ARM_BUSY;
    const uint32_t slot = arm(segment, tid, bounds);
    sp_store_release(lock, 0u);
    return slot;
}

void sp_thread_stop_timer(const struct sp_segment *segment, uint32_t slot)
{
    const int32_t timer = sp_exchange_seq_cst(&sp_segment_slot(segment, slot)->timer, -1);
    if (timer >= 0)
        sp_raw_timer_delete(timer);
}

void sp_thread_disarm(const struct sp_segment *segment, uint32_t slot, const char *name)
{
    if (slot == 0 || slot >= segment->geometry.n_slots)
        return;
    struct sp_slot *at = sp_segment_slot(segment, slot);
    uint32_t expected = SP_SLOT_LIVE;
    if (!sp_cas_seq_cst(&at->state, &expected, (uint32_t)SP_SLOT_CLAIMED))
        return;
    sp_thread_stop_timer(segment, slot);
    for (uint32_t i = 0; name != NULL && i < SP_THREAD_NAME_BYTES; i++)
        at->name[i] = name[i];
    release(segment, slot);
}

void sp_thread_reap(const struct sp_segment *segment, int32_t pid, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t slot = sp_add_relaxed(&segment->header->reap_cursor, 1u) & (segment->geometry.n_slots - 1);
        const struct sp_slot *at = sp_segment_slot(segment, slot);
        if (sp_load_relaxed(&at->state) != SP_SLOT_LIVE)
            continue;
        if (sp_raw_thread_exists(pid, sp_load_relaxed(&at->tid)) == -3 /* ESRCH */)
            sp_thread_disarm(segment, slot, NULL);
    }
}
