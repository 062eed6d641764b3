/*
 * The summary's lines.
 *
 * Place: see summary.h. Context: ordinary code of one thread.
 */
#include "summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

/* How much CPU time may be outside before it is said: the dynamic linker and the end of programs keep below both. */
static const double outside_least_s = 0.5, outside_share = 0.1;

/* A rate below this part of what was asked was not reached: samples in code that runs in bursts come a bit late. */
static const double reached_share = 0.8;

/* Where more than this part of the stacks was cut, it is said why. */
static const double cut_least_percent = 1;
enum { REASONS_BYTES = 128 };

/* How much of the collected weight has a frame without a name, in frames: pprof's readers will show addresses. */
static double unresolved_percent(const struct sp_profile *profile)
{
    double all = 0, unnamed = 0;
    for (size_t i = 0; i < profile->samples.n; i++) {
        const struct sp_sample *sample = &profile->samples.at[i];
        const double weight = (double)profile->values.at[i * profile->sample_types.n];
        for (uint32_t k = 0; k < sample->n_locations; k++) {
            const uint32_t location = profile->sample_locations.at[sample->first_location + k];
            all += weight;
            unnamed += profile->locations.at[location].n_lines == 0 ? weight : 0;
        }
    }
    return all > 0 ? 100 * unnamed / all : 0;
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole > 0 ? 100 * (double)part / (double)whole : 0;
}

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

/* Why stacks were cut, " (by missing rules 2.9%, by depth 0.3%)", where they are more than a few; else nothing. */
static const char *cut_reasons(const struct sp_ledger *ledger, char text[REASONS_BYTES])
{
    size_t n = 0;
    text[0] = '\0';
    if (percent(sp_ledger_cut(ledger), ledger->collected.weight) <= cut_least_percent)
        return text;
    for (unsigned end = SP_STACK_ENDS - 1; end > SP_STACK_COMPLETE; end--) {
        const char *why = sp_stack_end_name((enum sp_stack_end)end) + strlen("cut ");
        if (ledger->ends[end] > 0)
            n += (size_t)snprintf(text + n, REASONS_BYTES - n, "%s%s %.1f%%", n == 0 ? " (" : ", ", why,
                                  percent(ledger->ends[end], ledger->collected.weight));
    }
    snprintf(text + n, REASONS_BYTES - n, ")");
    return text;
}

static void print_totals(const struct sp_ledger *ledger, const struct sp_profile *profile)
{
    char reasons[REASONS_BYTES];
    sp_complain("%" PRIu64 " samples, %.2f s of CPU time (%.2f s by the kernel) in %" PRIu64
                " %s over %.2f s; lost %" PRIu64 "; unsampled %.2f s; stacks cut %.1f%%%s; frames unresolved %.1f%%",
                ledger->collected.deliveries, seconds(sp_ledger_recorded_ns(ledger)), seconds(ledger->kernel_ns),
                ledger->threads_sampled, ledger->threads_sampled == 1 ? "thread" : "threads",
                seconds((uint64_t)profile->duration_ns), sp_ledger_lost(ledger),
                seconds(sp_ledger_unsampled_ns(ledger)), percent(sp_ledger_cut(ledger), ledger->collected.weight),
                cut_reasons(ledger, reasons), unresolved_percent(profile));
}

static void print_untimed(const struct sp_ledger *ledger)
{
    char refusal[SP_REFUSAL_BYTES];
    const uint64_t n = ledger->slots_full + ledger->timers_refused;
    const char *why = sp_timer_refusal(ledger, refusal);
    if (n > 0)
        sp_complain("%" PRIu64
                    " threads had no timer of their own%s%s; what the process's timer did not see of them is "
                    "named as unsampled",
                    n, why != NULL ? ": " : "", why != NULL ? why : "");
}

static void print_losses(const struct sp_ledger *ledger)
{
    for (unsigned i = 0; i < SP_LOSSES; i++)
        if (ledger->lost[i].deliveries > 0)
            sp_complain("lost %" PRIu64 " samples: %s", ledger->lost[i].deliveries, sp_loss_name((enum sp_loss)i));
    if (ledger->over_memory.deliveries > 0)
        sp_complain("lost %" PRIu64 " samples: the profile reached its memory limit", ledger->over_memory.deliveries);
    if (ledger->damaged > 0)
        sp_complain("skipped %" PRIu64 " damaged records: the program has overwritten the profiler's memory",
                    ledger->damaged);
    print_untimed(ledger);
}

/* How many threads have unsampled time for this reason, and the one that has most of it. */
static uint64_t find_unsampled(const struct sp_profile *profile, const char *reason, const struct sp_account **most)
{
    uint64_t n = 0;
    for (size_t i = 0; i < profile->accounts.n; i++) {
        const struct sp_account *account = &profile->accounts.at[i];
        if (account->unsampled_ns == 0 || strcmp(sp_profile_text(profile, account->reason), reason) != 0)
            continue;
        n += account->n_threads;
        if (*most == NULL || account->unsampled_ns > (*most)->unsampled_ns)
            *most = account;
    }
    return n;
}

static void print_unsampled(const struct sp_ledger *ledger, const struct sp_profile *profile, enum sp_gap gap)
{
    const struct sp_account *most = NULL;
    if (ledger->unsampled_ns[gap] == 0)
        return;
    const uint64_t n = find_unsampled(profile, sp_gap_name(gap), &most);
    const char *name = most != NULL ? sp_profile_text(profile, most->thread) : "";
    if (n > 1)
        sp_complain("%.2f s of CPU time went unsampled: %s in %" PRIu64 " threads, most of it in \"%s\"",
                    seconds(ledger->unsampled_ns[gap]), sp_gap_name(gap), n, name);
    else
        sp_complain("%.2f s of CPU time went unsampled: %s in thread \"%s\"", seconds(ledger->unsampled_ns[gap]),
                    sp_gap_name(gap), name);
}

static void print_outside(const struct sp_ledger *ledger)
{
    const uint64_t outside_ns = sp_ledger_outside_ns(ledger);
    if (seconds(outside_ns) > outside_least_s && (double)outside_ns > outside_share * (double)ledger->kernel_ns)
        sp_complain("%.2f s of CPU time were used outside of what was recorded: by programs that did not load "
                    "sigprof's library (static, setuid), or that were not followed",
                    seconds(outside_ns));
}

static void complain_of_rate(double asked, double reached, const char *why)
{
    sp_complain("%.6g Hz asked, %.4g Hz reached (%s); weights make the totals right", asked, reached, why);
}

/*
 * Under perf events that were not slowed, fewer samples mean that the time was spent in the kernel, where they are not
 * taken.
 */
static void print_rate(const struct sp_ledger *ledger)
{
    const bool has_timers = (ledger->trigger_used & 1 << SP_TRIGGER_TIMER) != 0;
    const double asked = ledger->period_ns > 0 ? 1e9 / (double)ledger->period_ns : 0;
    const double reached = sp_ledger_achieved_hz(ledger);
    char refusal[SP_REFUSAL_BYTES], why[SP_REFUSAL_BYTES + 128];
    if (reached == 0 || reached >= reached_share * asked)
        return;
    if (has_timers && ledger->period_ns < ledger->tick_ns) {
        const char *refused = sp_perf_refusal(ledger, refusal);
        snprintf(why, sizeof why, "the kernel's tick is %.4g Hz%s%s", 1e9 / (double)ledger->tick_ns,
                 refused != NULL ? "; " : "", refused != NULL ? refused : "");
        complain_of_rate(asked, reached, why);
    }
    if (ledger->perf_slowed > 0) {
        snprintf(why, sizeof why, "signals came late in %" PRIu64 " thread%s, and more would leave no time for work",
                 ledger->perf_slowed, ledger->perf_slowed == 1 ? "" : "s");
        complain_of_rate(asked, reached, why);
    }
}

void sp_summary_print(const struct sp_ledger *ledger, const struct sp_profile *profile)
{
    print_totals(ledger, profile);
    print_losses(ledger);
    for (unsigned gap = SP_GAP_NONE + 1; gap < SP_GAPS; gap++)
        print_unsampled(ledger, profile, (enum sp_gap)gap);
    print_outside(ledger);
    print_rate(ledger);
}
