/*
 * The ledger: what became of every sample that was due.
 *
 *   fired = recorded + Σ lost          in the target, exactly, in deliveries and in weight
 *   recorded = collected + over memory + damaged    in the collector, once the last drain is made
 *
 * Place: collector; printed by commands and written into profiles as comments. Context: ordinary code.
 */
#ifndef SIGPROF_COLLECTOR_LEDGER_H
#define SIGPROF_COLLECTOR_LEDGER_H

#include <stdint.h>

#include "handler/segment.h"
#include "profile/profile.h"

/* Deliveries of a signal, and the sampling periods that they stand for. */
struct sp_tally {
    uint64_t deliveries, weight;
};

struct sp_ledger {
    uint64_t period_ns;
    struct sp_tally fired, recorded, lost[SP_LOSSES];
    struct sp_tally collected;        /* in the profile */
    struct sp_tally over_memory;      /* read, but the profile had reached its limit */
    uint64_t damaged;                 /* records or halves that made no sense and were skipped */
    uint64_t stray;                   /* SIGPROF of others with a forged cookie */
    uint64_t backstop_idle;           /* process timer found nothing to do */
    uint64_t threads_armed;           /* threads that got a slot */
    uint64_t threads_sampled;         /* threads with a sample in the profile */
    uint64_t slots_full;              /* times that a thread got no slot */
    uint64_t timers_refused;          /* threads with a slot for which the kernel gave no timer */
    struct sp_tally settled;          /* of those recorded, what threads still owed at their end */
    uint64_t early;                   /* perf events' signals before a period was due: nothing to record */
    uint64_t perf_refused;            /* threads that were to have a perf event and were refused it */
    uint64_t tick_ns;                 /* the kernel's tick */
    uint32_t trigger_asked, trigger;  /* enum sp_trigger; what is in use */
    uint32_t perf_error, timer_error; /* errno of the first refusal, or SP_PERF_UNDER_SECCOMP; 0: none */
    uint64_t ends[SP_STACK_ENDS];     /* collected weight by how the stack ended, enum sp_stack_end */
    uint64_t frames, unmapped_frames; /* collected frames (by weight), and those at addresses of no mapping */
};

/* The sum of all reasons that are losses to the profile, in deliveries. */
uint64_t sp_ledger_lost(const struct sp_ledger *ledger);

/* Collected weight of stacks that did not reach the thread's start. */
uint64_t sp_ledger_cut(const struct sp_ledger *ledger);

/* Replaces the profile's comments by the ledger, three lines. */
void sp_ledger_comment(const struct sp_ledger *ledger, struct sp_profile *profile);

/* The reason's name as users see it, for example "shards busy". */
const char *sp_loss_name(enum sp_loss loss);

#endif
