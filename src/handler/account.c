/*
 * Accounts and their settlement.
 *
 * Place: see account.h. Context: signal handler and any thread; for one slot no two calls overlap, for different slots
 * any number may. The shard is locked for a few stores, outside a handler too: a handler that meets the lock goes to
 * the next shard.
 */
#include "handler/account.h"

#include "handler/object.h"
#include "handler/raw_calls.h"
#include "handler/shard.h"
#include "handler/trigger.h"

#include "handler/poison.h"

/* base_ns of an account that is closed. */
static const int64_t closed = INT64_MAX;

/* More CPU time than any thread owes (a hundred days): the host has overwritten the slot. */
static const uint64_t owed_limit_ns = (uint64_t)1 << 53;

uint64_t sp_account_owed(const struct sp_segment *segment, uint32_t slot, uint64_t clock_ns)
{
    const struct sp_slot *at = sp_segment_slot(segment, slot);
    const int64_t base_ns = sp_load_relaxed(&at->base_ns);
    if (base_ns == closed || (int64_t)clock_ns < base_ns)
        return 0;
    const uint64_t period_ns = segment->geometry.period_ns;
    const uint64_t due = (clock_ns - (uint64_t)base_ns) / period_ns, seen = sp_load_relaxed(&at->seen);
    return due > seen && due - seen <= owed_limit_ns / period_ns ? due - seen : 0;
}

/* The record of the thread's end; `weight` 0: only its clock is told. */
static void write_end(const struct sp_segment *segment, uint32_t slot, uint64_t clock_ns, uint64_t weight,
                      struct sp_stripe *stripe)
{
    const struct sp_slot *at = sp_segment_slot(segment, slot);
    struct sp_reservation reservation;
    enum sp_loss reason;
    if (!sp_shard_begin(segment, slot, SP_END_WORDS, &reservation, &reason)) {
        if (weight > 0)
            sp_count_add(&stripe->lost[reason], weight);
        return;
    }
    uint64_t *words = reservation.record;
    words[1] = sp_record_slot(slot, sp_load_relaxed(&at->generation));
    words[2] = sp_record_thread(sp_load_relaxed(&at->tid), sp_objects_epoch());
    words[SP_RECORD_HEAD_WORDS] = sp_load_relaxed(&at->start_routine);
    words[SP_RECORD_HEAD_WORDS + 1] = clock_ns;
    words[SP_RECORD_HEAD_WORDS + 2] = sp_load_relaxed(&at->since_ns);
    sp_shard_commit_end(&reservation, weight);
    if (weight > 0)
        sp_count_add(&stripe->settled, weight);
}

void sp_account_settle(const struct sp_segment *segment, uint32_t slot, struct sp_stripe *stripe)
{
    struct sp_slot *at = sp_segment_slot(segment, slot);
    const uint64_t clock_ns = sp_raw_clock_ns(sp_thread_clock(sp_load_relaxed(&at->tid)));
    if (clock_ns == 0 || sp_load_relaxed(&at->base_ns) == closed)
        return;
    uint64_t owed = sp_account_owed(segment, slot, clock_ns);
    sp_account_pay(at, owed);
    if (owed > 0)
        sp_count_add(&stripe->fired, owed);
    if (owed > 0 && sp_load_relaxed(&at->start_routine) == 0) {
        sp_count_add(&stripe->lost[SP_LOSS_NO_PLACE], owed);
        owed = 0;
    }
    if (sp_load_relaxed(&at->seen) == 0)
        sp_count_add(&stripe->brief, clock_ns - sp_load_relaxed(&at->since_ns));
    else
        write_end(segment, slot, clock_ns, owed, stripe);
    sp_store_relaxed(&at->base_ns, closed);
}
