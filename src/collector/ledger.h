/*
 * The ledger: what became of every sample that was due, and of all CPU time.
 *
 *   fired = recorded + Σ lost                                  in the target, exactly, in deliveries and in weight
 *   recorded = collected + over memory + withheld + filtered + damaged    in the collector, once the last drain is made
 *   kernel_ns = recorded_ns + lost_ns + Σ unsampled_ns + outside_ns    where chance has not sampled more than there is
 *
 * Place: collector; printed by commands, and written into profiles: as comments for people, as facts for programs.
 * Context: ordinary code.
 */
#ifndef SIGPROF_COLLECTOR_LEDGER_H
#define SIGPROF_COLLECTOR_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handler/segment.h"
#include "profile/profile.h"

/* Deliveries of a signal, and the sampling periods that they stand for. */
struct sp_tally {
    uint64_t deliveries, weight;
};

/* Why a thread used CPU time that no sample stands for. */
enum sp_gap {
    SP_GAP_NONE = 0,
    SP_GAP_BLOCKED,  /* it blocks SIGPROF */
    SP_GAP_IGNORED,  /* the process ignores SIGPROF */
    SP_GAP_REPLACED, /* its timer runs, and our handler is not reached */
    SP_GAP_NO_TIMER, /* the kernel gave it neither timer nor perf event */
    SP_GAP_NO_SLOT,  /* there were more threads than slots, or none of them ran a handler that could have armed it */
    SP_GAP_FILTERED, /* the host's filter refused its samples */
    SP_GAP_UNKNOWN,
    SP_GAPS
};

struct sp_ledger {
    uint64_t period_ns;
    struct sp_tally fired, recorded, lost[SP_LOSSES];
    struct sp_tally settled;          /* of those recorded, what threads still owed at their end */
    struct sp_tally collected;        /* in the profile */
    uint64_t heaviest;                /* periods that a single one of these may stand for */
    struct sp_tally over_memory;      /* read, but the profile had reached its limit */
    struct sp_tally withheld;         /* owed at the end of a thread that could not be sampled: in unsampled_ns */
    struct sp_tally filtered;         /* refused by the host's filter; in unsampled_ns */
    uint64_t damaged;                 /* records or halves that made no sense and were skipped */
    uint64_t stray;                   /* SIGPROF of others with a forged cookie */
    uint64_t early;                   /* signals of perf events before a period was due */
    uint64_t backstop_idle;           /* process timer found nothing to do */
    uint64_t threads_armed;           /* threads that got a slot */
    uint64_t threads_sampled;         /* threads with a sample in the profile */
    struct sp_tally brief;            /* threads that ended before a sample was due, and their CPU time in ns */
    uint64_t slots_full;              /* times that a thread got no slot */
    uint64_t timers_refused;          /* threads with a slot for which the kernel gave neither timer nor perf event */
    uint64_t ends[SP_STACK_ENDS];     /* collected weight by how the stack ended, enum sp_stack_end */
    uint64_t frames, unmapped_frames; /* collected frames (by weight), and those at addresses of no mapping */
    uint64_t unsure_frames;           /* of these, where it is not known which of two libraries was there */
    uint64_t untold_unloads;          /* times that libraries were unloaded and the log had no room to tell */
    uint64_t frames_walked;           /* by handlers, with those that were left out and those of lost samples */
    uint64_t rules_missed;            /* of these, how many needed a rule that was not in the cache */
    uint64_t virtual_placed;          /* frames of interpreters in recorded stacks */
    uint64_t virtual_dropped;         /* published and not placed: left by a jump, or beyond their stack's capacity */
    uint64_t virtual_damaged;         /* made no sense */
    uint64_t names_refused;           /* functions of interpreters that there was no room for */
    uint64_t tracebacks;              /* calls of the host's traceback function; of these: */
    uint64_t tracebacks_empty;        /* gave no stack: sigprof has walked it */
    uint64_t tracebacks_garbled;      /* gave a word that is no address: the stack ends before it */
    uint64_t tracebacks_overrun;      /* wrote where they may not: sigprof walks from then on */

    uint64_t trigger_asked;           /* enum sp_trigger */
    uint64_t trigger_used;            /* set of 1 << enum sp_trigger */
    uint64_t perf_refused;            /* threads that were to have a perf event and were refused it */
    uint64_t perf_slowed;             /* threads whose perf event could not keep the rate */
    uint64_t tick_ns;                 /* the kernel's tick; 0: not known */
    uint64_t perf_error, timer_error; /* errno of the first refusal, or SP_PERF_UNDER_SECCOMP; 0: none */

    uint64_t kernel_ns;             /* CPU time by the kernel of all that was recorded */
    uint64_t unsampled_ns[SP_GAPS]; /* of threads that could not be sampled */
    uint64_t named_lost_ns;         /* part of it that is among the losses, too: owed at the thread's end, no place */
};

/* The sum of all reasons that are losses to the profile, in deliveries. */
uint64_t sp_ledger_lost(const struct sp_ledger *ledger);

/* Collected weight of stacks that did not reach the thread's start. */
uint64_t sp_ledger_cut(const struct sp_ledger *ledger);

/* CPU time in ns. */
uint64_t sp_ledger_recorded_ns(const struct sp_ledger *ledger);
uint64_t sp_ledger_lost_ns(const struct sp_ledger *ledger);      /* without what has a name among the unsampled */
uint64_t sp_ledger_unsampled_ns(const struct sp_ledger *ledger); /* for any reason */
uint64_t sp_ledger_outside_ns(const struct sp_ledger *ledger);   /* what is left of kernel_ns; not below 0 */

/* Samples per second of recorded CPU time; 0 without samples. */
double sp_ledger_achieved_hz(const struct sp_ledger *ledger);

/* Puts the ledger into the profile, in place of one that is there: as comments, few lines, and as facts. */
void sp_ledger_comment(const struct sp_ledger *ledger, struct sp_profile *profile);
void sp_ledger_write_facts(const struct sp_ledger *ledger, struct sp_profile *profile);

/* The ledger that the facts of a profile make. False, and nothing touched, when there is none. */
bool sp_ledger_read_facts(const struct sp_profile *profile, struct sp_ledger *ledger);

/* Names as users see them, for example "shards busy", "SIGPROF blocked"; NULL for SP_GAP_NONE. */
const char *sp_loss_name(enum sp_loss loss);
const char *sp_gap_name(enum sp_gap gap);
const char *sp_stack_end_name(enum sp_stack_end end);
const char *sp_trigger_name(uint64_t trigger);   /* enum sp_trigger: "auto", "timer", "perf" */
const char *sp_trigger_used_name(uint64_t used); /* set: "timer", "perf", "mixed", "none" */

/*
 * Why the kernel refuses perf events, or timers, and what may help: a sentence of at most SP_REFUSAL_BYTES in `text`.
 * Returns `text`, or NULL when none was refused.
 */
enum { SP_REFUSAL_BYTES = 160 };
const char *sp_perf_refusal(const struct sp_ledger *ledger, char text[SP_REFUSAL_BYTES]);
const char *sp_timer_refusal(const struct sp_ledger *ledger, char text[SP_REFUSAL_BYTES]);

#endif
