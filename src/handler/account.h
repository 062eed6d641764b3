/*
 * What a thread owes: CPU time that the kernel accounts to it and no sample stands for yet.
 *
 * Place on the way of a sample: beside it; the equation stands at struct sp_slot. Context: as told at each function.
 */
#ifndef SIGPROF_HANDLER_ACCOUNT_H
#define SIGPROF_HANDLER_ACCOUNT_H

#include <stdint.h>

#include "handler/segment.h"

#pragma GCC visibility push(hidden) /* else clang calls by way of a register: see check_handler.py */

/*
 * The periods that the thread of `slot` owes when its CPU clock reads `clock_ns`; 0 where the account makes no sense.
 * Any context.
 */
uint64_t sp_account_owed(const struct sp_segment *segment, uint32_t slot, uint64_t clock_ns);

/* Enters `periods` as paid: samples stand for them, lost ones too. The thread itself, or where it cannot run. */
static inline void sp_account_pay(struct sp_slot *slot, uint64_t periods)
{
    sp_store_relaxed(&slot->seen, sp_load_relaxed(&slot->seen) + periods);
}

/*
 * Settles the account of a thread whose trigger has been stopped: writes its last record, in which what it still owes
 * goes to its start routine, and closes the account. A thread that no sample stands for is only counted as brief: many
 * thousands of those may come in a second, and must not fill the shards. Nothing happens when it is closed or the
 * thread is no more. Ordinary code of the thread itself, or of who ends the session; its own handler, when sampling is
 * to end.
 */
void sp_account_settle(const struct sp_segment *segment, uint32_t slot, struct sp_stripe *stripe);

#pragma GCC visibility pop

#endif
