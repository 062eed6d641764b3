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
 * A slot's life: FREE ──claim (CAS)──▶ CLAIMED ──fields written──▶ LIVE ──trigger stopped──▶ FREE. Each claim takes the
 * next generation, so that a cookie of an earlier owner is seen to be stale.
 *
 * The table grows: when half of the slots that are ready are in use, whoever arms makes as many again ready, with
 * madvise(2), which faults nothing in this thread's way and is the one thing here that may take some 10 µs.
 */
#include "handler/threads.h"

#include <linux/prctl.h>

#include "handler/account.h"
#include "handler/random.h"
#include "handler/raw_calls.h"
#include "handler/trigger.h"

#include "handler/poison.h"

enum { CLAIM_PROBES = 512, POPULATE_WRITE = 23 /* MADV_POPULATE_WRITE, Linux 5.14 */ };

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
    const uint32_t n = sp_segment_slots(segment);
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

/* Fresh slots are zero; their cookies begin where the others' do. */
static void prepare_slots(const struct sp_segment *segment, uint32_t from, uint32_t until)
{
    const uint32_t generation = sp_load_relaxed(&segment->header->first_generation);
    for (uint32_t slot = from; slot < until; slot++)
        sp_store_relaxed(&sp_segment_slot(segment, slot)->generation, generation);
}

/* Makes as many slots again ready, when half of them are in use. */
static void grow(const struct sp_segment *segment)
{
    struct sp_header *header = segment->header;
    const uint32_t ready = sp_segment_slots(segment);
    if (ready == 0 || ready == segment->geometry.n_slots || sp_load_relaxed(&header->threads_live) < ready / 2 ||
        sp_exchange_acquire(&header->growing, 1u) != 0)
        return;
    const uint32_t wanted = 2 * ready < segment->geometry.n_slots ? 2 * ready : segment->geometry.n_slots;
    const size_t bytes = (size_t)(wanted - ready) * sizeof(struct sp_slot);
    const bool is_mine = sp_segment_slots(segment) == ready;
    const bool has_failed = is_mine && sp_raw_madvise(sp_segment_slot(segment, ready), bytes, POPULATE_WRITE) != 0;
    if (is_mine && !has_failed) {
        prepare_slots(segment, ready, wanted);
        sp_store_release(&header->slots_ready, wanted);
    }
    sp_store_release(&header->growing, has_failed ? (uint32_t)SP_GROWN_UP : 0u);
}

/* No slot was free: whether there will be more in a moment, by somebody else's hand. */
static bool is_growing(const struct sp_segment *segment)
{
    return sp_load_relaxed(&segment->header->growing) == 1;
}

/* Who has a slot and no trigger. A thread that ended while it was armed was refused nothing. */
static void count_refusal(const struct sp_segment *segment, uint32_t slot)
{
    const int32_t error = sp_load_relaxed(&sp_segment_slot(segment, slot)->error);
    if (error != SP_TRIGGER_NO_THREAD)
        sp_add_relaxed(&segment->header->timers_refused, 1u);
}

/* Where an account goes on from an earlier one, that has the CPU time until now. */
static void open_account(const struct sp_segment *segment, struct sp_slot *at, int32_t tid,
                         const struct sp_birth *birth)
{
    const bool is_from_now = birth->is_from_now || birth->is_continued;
    const uint64_t since_ns = is_from_now ? sp_raw_clock_ns(sp_thread_clock(tid)) : 0;
    const uint64_t phase_ns = sp_random(&segment->header->seed) % segment->geometry.period_ns;
    sp_store_relaxed(&at->since_ns, since_ns);
    sp_store_relaxed(&at->base_ns, birth->is_continued ? birth->base_ns : (int64_t)(since_ns - phase_ns));
    sp_store_relaxed(&at->seen, birth->is_continued ? birth->seen : 0);
}

/* Fills in a claimed slot and makes it findable: false, and the slot is free again, when the index has no room. */
static bool fill_in(const struct sp_segment *segment, uint32_t slot, int32_t tid, const struct sp_birth *birth)
{
    struct sp_slot *at = sp_segment_slot(segment, slot);
    sp_add_relaxed(&at->generation, 1u);
    sp_store_relaxed(&at->tid, tid);
    sp_add_relaxed(&segment->header->threads_live, 1u);
    sp_store_relaxed(&at->timer, -1);
    sp_store_relaxed(&at->perf_fd, -1);
    sp_store_relaxed(&at->error, 0);
    sp_store_relaxed(&at->is_first_pending, 0u);
    sp_store_relaxed(&at->stack_low, birth->stack.low);
    sp_store_relaxed(&at->stack_high, birth->stack.high);
    sp_store_relaxed(&at->start_routine, birth->start_routine);
    open_account(segment, at, tid, birth);
    at->name[0] = '\0';
    if (index_insert(segment, tid, slot))
        return true;
    release(segment, slot);
    return false;
}

/* The thread begins, and its tid has a slot with samples. Whether they can be its own, by its clock. */
static bool has_own_samples(const struct sp_segment *segment, const struct sp_slot *at)
{
    const uint64_t seen = sp_load_relaxed(&at->seen);
    const int64_t paid_until_ns = sp_load_relaxed(&at->base_ns) + (int64_t)(seen * segment->geometry.period_ns);
    return seen != 0 && (int64_t)sp_raw_clock_ns(CLOCK_THREAD_CPUTIME_ID) >= paid_until_ns;
}

/* Tells the slot what the thread itself knows. */
static void introduce(struct sp_slot *at, const struct sp_birth *birth)
{
    if (sp_load_relaxed(&at->start_routine) == 0)
        sp_store_relaxed(&at->start_routine, birth->start_routine);
    if (sp_load_relaxed(&at->stack_high) == 0) {
        sp_store_relaxed(&at->stack_low, birth->stack.low);
        sp_store_relaxed(&at->stack_high, birth->stack.high);
    }
}

static uint32_t arm_new(const struct sp_segment *segment, int32_t tid, const struct sp_birth *birth)
{
    grow(segment);
    const uint32_t slot = claim(segment);
    if (slot == 0 && is_growing(segment))
        return SP_ARM_BUSY;
    if (slot == 0 || !fill_in(segment, slot, tid, birth)) {
        sp_add_relaxed(&segment->header->slots_full, 1u);
        return 0;
    }
    if (!sp_trigger_start(segment, slot, birth->is_self))
        count_refusal(segment, slot);
    sp_add_relaxed(&segment->header->threads_armed, 1u);
    sp_store_seq_cst(&sp_segment_slot(segment, slot)->state, (uint32_t)SP_SLOT_LIVE);
    return slot;
}

/*
 * With the tid's try-lock held. A thread that finds a slot of its tid was armed by somebody quicker, who knew less; or
 * the tid has come back, and the slot is of a thread that ended unannounced: then it makes room.
 */
static uint32_t arm(const struct sp_segment *segment, int32_t tid, const struct sp_birth *birth)
{
    const uint32_t known = sp_segment_find(segment, tid);
    if (known == 0)
        return arm_new(segment, tid, birth);
    if (!birth->is_self)
        return 0;
    struct sp_slot *at = sp_segment_slot(segment, known);
    if (has_own_samples(segment, at)) {
        introduce(at, birth);
        return known;
    }
    sp_thread_disarm(segment, known, SP_END_GONE, NULL);
    return arm_new(segment, tid, birth);
}

uint32_t sp_thread_arm(const struct sp_segment *segment, int32_t tid, const struct sp_birth *birth)
{
    static const struct sp_birth unknown = {.start_routine = 0};
    _Atomic uint32_t *lock = &segment->header->arming[(uint32_t)tid % SP_ARMING_STRIPES];
    if (sp_exchange_acquire(lock, 1u) != 0)
        return SP_ARM_BUSY;
    const uint32_t slot = arm(segment, tid, birth != NULL ? birth : &unknown);
    sp_store_release(lock, 0u);
    return slot;
}

/* Few of the threads that come and go within a period have a sample, and only those need a name. */
static void leave_name(struct sp_slot *at)
{
    if (sp_load_relaxed(&at->seen) != 0)
        sp_raw_prctl(PR_GET_NAME, (long)at->name);
}

void sp_thread_disarm(const struct sp_segment *segment, uint32_t slot, enum sp_end end, struct sp_stripe *stripe)
{
    if (slot == 0 || slot >= sp_segment_slots(segment))
        return;
    struct sp_slot *at = sp_segment_slot(segment, slot);
    uint32_t expected = SP_SLOT_LIVE;
    if (!sp_cas_seq_cst(&at->state, &expected, (uint32_t)SP_SLOT_CLAIMED))
        return;
    sp_trigger_stop(segment, slot);
    if (end != SP_END_GONE)
        sp_account_settle(segment, slot, stripe);
    if (end == SP_END_SELF)
        leave_name(at);
    release(segment, slot);
}

void sp_thread_reap(const struct sp_segment *segment, int32_t pid, uint32_t slot)
{
    if (slot == 0 || slot >= sp_segment_slots(segment))
        return;
    const struct sp_slot *at = sp_segment_slot(segment, slot);
    if (sp_load_relaxed(&at->state) == SP_SLOT_LIVE &&
        sp_raw_thread_exists(pid, sp_load_relaxed(&at->tid)) == -3 /* ESRCH */)
        sp_thread_disarm(segment, slot, SP_END_GONE, NULL);
}

void sp_thread_reap_some(const struct sp_segment *segment, int32_t pid, uint32_t n)
{
    const uint32_t ready = sp_segment_slots(segment);
    for (uint32_t i = 0; i < n && ready != 0; i++)
        sp_thread_reap(segment, pid, sp_add_relaxed(&segment->header->reap_cursor, 1u) & (ready - 1));
}
