/*
 * The ledger in words.
 *
 * Place: collector. Context: ordinary code.
 */
#include "collector/ledger.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const loss_names[SP_LOSSES] = {
    [SP_LOSS_BUSY] = "shards busy",
    [SP_LOSS_FULL] = "shards full",
    [SP_LOSS_NO_PLACE] = "no place",
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

uint64_t sp_ledger_lost(const struct sp_ledger *ledger)
{
    uint64_t sum = ledger->over_memory.deliveries;
    for (unsigned i = 0; i < SP_LOSSES; i++)
        sum += ledger->lost[i].deliveries;
    return sum;
}

uint64_t sp_ledger_cut(const struct sp_ledger *ledger)
{
    uint64_t sum = 0;
    for (unsigned i = SP_STACK_COMPLETE + 1; i < SP_STACK_ENDS; i++)
        sum += ledger->ends[i];
    return sum;
}

/* A comment that grows piece by piece; what does not fit is cut off. */
struct comment {
    char text[512];
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
    append(&comment, "; lost:");
    for (unsigned i = 0; i < SP_LOSSES; i++) {
        append(&comment, " ");
        append_tally(&comment, loss_names[i], ledger->lost[i]);
        append(&comment, ",");
    }
    append_tally(&comment, " memory limit", ledger->over_memory);
    append(&comment, "; damaged %" PRIu64 "; stray %" PRIu64, ledger->damaged, ledger->stray);
    sp_profile_add_comment(profile, comment.text);
}

static void comment_stacks(const struct sp_ledger *ledger, struct sp_profile *profile)
{
    struct comment comment = {.n = 0};
    append(&comment, "sigprof stacks:");
    for (unsigned i = 0; i < SP_STACK_ENDS; i++)
        append(&comment, " %s %" PRIu64 ",", end_names[i], ledger->ends[i]);
    append(&comment, " frames %" PRIu64 ", in no mapping %" PRIu64, ledger->frames, ledger->unmapped_frames);
    sp_profile_add_comment(profile, comment.text);
}

static void comment_threads(const struct sp_ledger *ledger, struct sp_profile *profile)
{
    struct comment comment = {.n = 0};
    append(&comment,
           "sigprof threads: armed %" PRIu64 ", sampled %" PRIu64 ", without a slot %" PRIu64
           ", without a timer %" PRIu64,
           ledger->threads_armed, ledger->threads_sampled, ledger->slots_full, ledger->timers_refused);
    sp_profile_add_comment(profile, comment.text);
}

/* Few lines: reports print a profile's comments above the numbers. */
void sp_ledger_comment(const struct sp_ledger *ledger, struct sp_profile *profile)
{
    profile->comments.n = 0;
    comment_samples(ledger, profile);
    comment_stacks(ledger, profile);
    comment_threads(ledger, profile);
}
