/*
 * The ledger's sums and names.
 *
 * Place: collector. Context: ordinary code. The numbers may come from a file or a damaged segment: sums stay at the
 * largest number when they would be larger.
 */
#include "collector/ledger.h"

#include <errno.h>
#include <stdio.h>

static const char *const loss_names[SP_LOSSES] = {
    [SP_LOSS_BUSY] = "shards busy",
    [SP_LOSS_FULL] = "shards full",
    [SP_LOSS_NO_PLACE] = "no place",
};

static const char *const gap_names[SP_GAPS] = {
    [SP_GAP_BLOCKED] = "SIGPROF blocked", [SP_GAP_IGNORED] = "SIGPROF ignored", [SP_GAP_REPLACED] = "handler replaced",
    [SP_GAP_NO_TIMER] = "no timer",       [SP_GAP_NO_SLOT] = "no slot",         [SP_GAP_UNKNOWN] = "unknown",
    [SP_GAP_FILTERED] = "filtered",
};

static const char *const end_names[SP_STACK_ENDS] = {
    [SP_STACK_COMPLETE] = "complete",
    [SP_STACK_CUT_DEPTH] = "cut by depth",
    [SP_STACK_CUT_MEMORY] = "cut by memory",
    [SP_STACK_CUT_RULES] = "cut by missing rules",
};

const char *sp_loss_name(enum sp_loss loss)
{
    return loss_names[loss];
}

const char *sp_gap_name(enum sp_gap gap)
{
    return gap_names[gap];
}

const char *sp_stack_end_name(enum sp_stack_end end)
{
    return end_names[end];
}

const char *sp_trigger_name(uint64_t trigger)
{
    return trigger == SP_TRIGGER_TIMER ? "timer" : trigger == SP_TRIGGER_PERF ? "perf" : "auto";
}

const char *sp_trigger_used_name(uint64_t used)
{
    const uint64_t both = 1 << SP_TRIGGER_TIMER | 1 << SP_TRIGGER_PERF;
    static const char *const one[] = {[1 << SP_TRIGGER_TIMER] = "timer", [1 << SP_TRIGGER_PERF] = "perf"};
    return (used & both) == both ? "mixed" : (used & both) != 0 ? one[used & both] : "none";
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    uint64_t result;
    return __builtin_add_overflow(a, b, &result) ? UINT64_MAX : result;
}

static uint64_t less(uint64_t from, uint64_t part)
{
    return from > part ? from - part : 0;
}

static uint64_t ns_of(const struct sp_ledger *ledger, uint64_t weight)
{
    uint64_t result;
    return __builtin_mul_overflow(weight, ledger->period_ns, &result) ? UINT64_MAX : result;
}

uint64_t sp_ledger_lost(const struct sp_ledger *ledger)
{
    uint64_t lost = ledger->over_memory.deliveries;
    for (unsigned i = 0; i < SP_LOSSES; i++)
        lost = sum(lost, ledger->lost[i].deliveries);
    return lost;
}

uint64_t sp_ledger_cut(const struct sp_ledger *ledger)
{
    uint64_t cut = 0;
    for (unsigned i = SP_STACK_COMPLETE + 1; i < SP_STACK_ENDS; i++)
        cut = sum(cut, ledger->ends[i]);
    return cut;
}

uint64_t sp_ledger_recorded_ns(const struct sp_ledger *ledger)
{
    return ns_of(ledger, ledger->collected.weight);
}

uint64_t sp_ledger_lost_ns(const struct sp_ledger *ledger)
{
    uint64_t weight = ledger->over_memory.weight;
    for (unsigned i = 0; i < SP_LOSSES; i++)
        weight = sum(weight, ledger->lost[i].weight);
    return less(ns_of(ledger, weight), ledger->named_lost_ns);
}

uint64_t sp_ledger_unsampled_ns(const struct sp_ledger *ledger)
{
    uint64_t ns = 0;
    for (unsigned i = SP_GAP_NONE + 1; i < SP_GAPS; i++)
        ns = sum(ns, ledger->unsampled_ns[i]);
    return ns;
}

uint64_t sp_ledger_outside_ns(const struct sp_ledger *ledger)
{
    const uint64_t known_ns = sum(sp_ledger_recorded_ns(ledger), sp_ledger_lost_ns(ledger));
    return less(ledger->kernel_ns, sum(known_ns, sp_ledger_unsampled_ns(ledger)));
}

double sp_ledger_achieved_hz(const struct sp_ledger *ledger)
{
    const uint64_t recorded_ns = sp_ledger_recorded_ns(ledger);
    return recorded_ns > 0 ? 1e9 * (double)ledger->collected.deliveries / (double)recorded_ns : 0;
}

/* What the kernel means by an error of perf_event_open(2), and what helps. */
static const char *perf_cause(uint64_t error)
{
    switch (error) {
    case EACCES:
        return "EACCES: kernel.perf_event_paranoid is above 2, or a seccomp filter";
    case EPERM:
        return "EPERM: a seccomp filter, as containers have; give the container CAP_PERFMON or allow perf_event_open";
    case ENOSYS:
        return "ENOSYS: the kernel was built without them, or a seccomp filter";
    case EMFILE:
        return "EMFILE: no descriptors are left; raise the limit (ulimit -n)";
    case ENFILE:
        return "ENFILE: the system has no descriptors left (fs.file-max)";
    case ENOENT:
    case EOPNOTSUPP:
        return "this kernel or machine has no task clock";
    case SP_PERF_UNDER_SECCOMP:
        return "a seccomp filter is in force, which might end the process for the attempt";
    default:
        return NULL;
    }
}

/* The same for timer_create(2). */
static const char *timer_cause(uint64_t error)
{
    switch (error) {
    case EAGAIN:
        return "EAGAIN: the limit of pending signals is reached; raise it (ulimit -i)";
    case ENOSYS:
        return "ENOSYS: the kernel was built without them";
    case EPERM:
        return "EPERM: a seccomp filter";
    default:
        return NULL;
    }
}

static const char *refusal(const char *what, uint64_t error, const char *cause, char text[SP_REFUSAL_BYTES])
{
    if (error == 0)
        return NULL;
    if (cause != NULL)
        snprintf(text, SP_REFUSAL_BYTES, "%s are refused (%s)", what, cause);
    else
        snprintf(text, SP_REFUSAL_BYTES, "%s are refused (error %u)", what, (unsigned)error);
    return text;
}

const char *sp_perf_refusal(const struct sp_ledger *ledger, char text[SP_REFUSAL_BYTES])
{
    return refusal("perf events", ledger->perf_error, perf_cause(ledger->perf_error), text);
}

const char *sp_timer_refusal(const struct sp_ledger *ledger, char text[SP_REFUSAL_BYTES])
{
    return refusal("CPU timers", ledger->timer_error, timer_cause(ledger->timer_error), text);
}
