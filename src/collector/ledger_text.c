/*
 * The ledger as comments of a profile: for people, and for whoever sees the profile with another tool.
 *
 * Place: collector. Context: ordinary code. Reports print a profile's comments above the numbers, so they are few.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/ledger.h"

enum { THREADS_NAMED = 8 };

/* A comment that grows piece by piece; what does not fit is cut off. */
struct comment {
    char text[768];
    size_t n;
};

__attribute__((format(printf, 2, 3))) static void append(struct comment *comment, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(comment->text + comment->n, sizeof comment->text - comment->n, format, arguments);
    va_end(arguments);
    comment->n += length > 0 ? (size_t)length : 0;
    if (comment->n >= sizeof comment->text)
        comment->n = sizeof comment->text - 1;
}

static void append_tally(struct comment *comment, const char *name, struct sp_tally tally)
{
    append(comment, "%s %" PRIu64 " (%" PRIu64 ")", name, tally.deliveries, tally.weight);
}

static void comment_samples(const struct sp_ledger *ledger, struct sp_profile *profile)
{
    struct comment comment = {.n = 0};
    append_tally(&comment, "sigprof samples (weight): fired", ledger->fired);
    append_tally(&comment, ", recorded", ledger->recorded);
    append_tally(&comment, ", collected", ledger->collected);
    append_tally(&comment, ", settled", ledger->settled);
    append(&comment, "; lost:");
    for (unsigned i = 0; i < SP_LOSSES; i++) {
        append(&comment, " ");
        append_tally(&comment, sp_loss_name((enum sp_loss)i), ledger->lost[i]);
        append(&comment, ",");
    }
    append_tally(&comment, " memory limit", ledger->over_memory);
    append_tally(&comment, "; withheld", ledger->withheld);
    if (ledger->filtered.deliveries > 0)
        append_tally(&comment, "; filtered", ledger->filtered);
    append(&comment, "; damaged %" PRIu64 "; early %" PRIu64 "; stray %" PRIu64, ledger->damaged, ledger->early,
           ledger->stray);
    sp_profile_add_comment(profile, comment.text);
}

static void comment_stacks(const struct sp_ledger *ledger, struct sp_profile *profile)
{
    struct comment comment = {.n = 0};
    append(&comment, "sigprof stacks:");
    for (unsigned i = 0; i < SP_STACK_ENDS; i++)
        append(&comment, " %s %" PRIu64 ",", sp_stack_end_name((enum sp_stack_end)i), ledger->ends[i]);
    append(&comment, " frames %" PRIu64 ", in no mapping %" PRIu64, ledger->frames, ledger->unmapped_frames);
    append(&comment, "; walked %" PRIu64 " frames, rules missed %" PRIu64, ledger->frames_walked, ledger->rules_missed);
    sp_profile_add_comment(profile, comment.text);
}

/* Only where the host has given a function. */
static void comment_tracebacks(const struct sp_ledger *ledger, struct sp_profile *profile)
{
    struct comment comment = {.n = 0};
    if (ledger->tracebacks == 0)
        return;
    append(&comment,
           "sigprof tracebacks by the program's function: called %" PRIu64 ", empty %" PRIu64 ", garbled %" PRIu64
           ", overrun %" PRIu64,
           ledger->tracebacks, ledger->tracebacks_empty, ledger->tracebacks_garbled, ledger->tracebacks_overrun);
    sp_profile_add_comment(profile, comment.text);
}

/* Only where there are any. */
static void comment_interpreters(const struct sp_ledger *ledger, struct sp_profile *profile)
{
    struct comment comment = {.n = 0};
    if ((ledger->virtual_placed | ledger->virtual_dropped | ledger->virtual_damaged | ledger->names_refused) == 0)
        return;
    append(&comment,
           "sigprof interpreters: frames %" PRIu64 ", dropped %" PRIu64 ", damaged %" PRIu64
           ", functions refused %" PRIu64,
           ledger->virtual_placed, ledger->virtual_dropped, ledger->virtual_damaged, ledger->names_refused);
    sp_profile_add_comment(profile, comment.text);
}

static void comment_threads(const struct sp_ledger *ledger, struct sp_profile *profile)
{
    struct comment comment = {.n = 0};
    append(&comment,
           "sigprof threads: armed %" PRIu64 ", sampled %" PRIu64 ", too brief %" PRIu64 ", without a slot %" PRIu64
           ", without a timer %" PRIu64,
           ledger->threads_armed, ledger->threads_sampled, ledger->brief.deliveries, ledger->slots_full,
           ledger->timers_refused);
    sp_profile_add_comment(profile, comment.text);
}

static void comment_trigger(const struct sp_ledger *ledger, struct sp_profile *profile)
{
    struct comment comment = {.n = 0};
    char text[SP_REFUSAL_BYTES];
    append(&comment, "sigprof trigger: asked %s at %.7g Hz, used %s", sp_trigger_name(ledger->trigger_asked),
           ledger->period_ns > 0 ? 1e9 / (double)ledger->period_ns : 0, sp_trigger_used_name(ledger->trigger_used));
    if (ledger->tick_ns > 0)
        append(&comment, ", tick %.7g Hz", 1e9 / (double)ledger->tick_ns);
    append(&comment, ", achieved %.7g Hz", sp_ledger_achieved_hz(ledger));
    if (ledger->perf_slowed > 0)
        append(&comment, ", perf events slowed in %" PRIu64 " threads", ledger->perf_slowed);
    if (sp_perf_refusal(ledger, text) != NULL)
        append(&comment, "; %s", text);
    if (sp_timer_refusal(ledger, text) != NULL)
        append(&comment, "; %s", text);
    sp_profile_add_comment(profile, comment.text);
}

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

static void comment_cpu(const struct sp_ledger *ledger, struct sp_profile *profile)
{
    struct comment comment = {.n = 0};
    append(&comment, "sigprof cpu: kernel %.3f s, recorded %.3f s, lost %.3f s, unsampled %.3f s",
           seconds(ledger->kernel_ns), seconds(sp_ledger_recorded_ns(ledger)), seconds(sp_ledger_lost_ns(ledger)),
           seconds(sp_ledger_unsampled_ns(ledger)));
    append(&comment, ", outside %.3f s", seconds(sp_ledger_outside_ns(ledger)));
    sp_profile_add_comment(profile, comment.text);
}

static int by_unsampled(const void *a, const void *b)
{
    const struct sp_account *const *left = a, *const *right = b;
    return ((*left)->unsampled_ns < (*right)->unsampled_ns) - ((*left)->unsampled_ns > (*right)->unsampled_ns);
}

static void comment_unsampled(const struct sp_account *account, struct sp_profile *profile)
{
    struct comment comment = {.n = 0};
    append(&comment, "sigprof unsampled: thread \"%s\" ", sp_profile_text(profile, account->thread));
    if (account->tid != 0)
        append(&comment, "(tid %" PRId32 ")", account->tid);
    else
        append(&comment, "(%" PRIu32 " threads)", account->n_threads);
    append(&comment, ": %.3f s, %s", seconds((uint64_t)account->unsampled_ns),
           sp_profile_text(profile, account->reason));
    sp_profile_add_comment(profile, comment.text);
}

/* The threads with the most CPU time that no sample stands for. */
static void comment_accounts(struct sp_profile *profile)
{
    size_t n = 0;
    const struct sp_account **chosen = calloc(profile->accounts.n + 1, sizeof *chosen);
    if (chosen == NULL)
        return;
    for (size_t i = 0; i < profile->accounts.n; i++)
        if (profile->accounts.at[i].n_threads > 0 && profile->accounts.at[i].unsampled_ns > 0)
            chosen[n++] = &profile->accounts.at[i];
    qsort(chosen, n, sizeof *chosen, by_unsampled);
    for (size_t i = 0; i < n && i < THREADS_NAMED; i++)
        comment_unsampled(chosen[i], profile);
    if (n > THREADS_NAMED) {
        struct comment comment = {.n = 0};
        append(&comment, "sigprof unsampled: and %zu more", n - THREADS_NAMED);
        sp_profile_add_comment(profile, comment.text);
    }
    free(chosen);
}

void sp_ledger_comment(const struct sp_ledger *ledger, struct sp_profile *profile)
{
    profile->comments.n = 0;
    comment_samples(ledger, profile);
    comment_stacks(ledger, profile);
    comment_tracebacks(ledger, profile);
    comment_interpreters(ledger, profile);
    comment_threads(ledger, profile);
    comment_trigger(ledger, profile);
    comment_cpu(ledger, profile);
    comment_accounts(profile);
}
