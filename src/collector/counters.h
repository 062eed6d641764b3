/*
 * What the target's side has counted, out of its segment into a ledger.
 *
 * Place: collector. Context: ordinary code; the target counts on meanwhile.
 */
#ifndef SIGPROF_COLLECTOR_COUNTERS_H
#define SIGPROF_COLLECTOR_COUNTERS_H

#include "collector/ledger.h"
#include "handler/segment.h"

/* Adds the segment's counters. Its memory may be damaged: numbers that cannot be are left out and count as damage. */
void sp_counters_add(const struct sp_segment *segment, struct sp_ledger *ledger);

#endif
