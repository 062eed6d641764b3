/*
 * The ledger in words.
 *
 * Place: collector. Context: ordinary code.
 */
#include "collector/ledger.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const loss_names[SP_LOSSES] = {
    [SP_LOSS_BUSY] = "shards busy",
    [SP_LOSS_FULL] = "shards full",
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

static void comment_tally(struct sp_profile *profile, const char *what, const char *name, struct sp_tally tally)
{
    char line[160];
    snprintf(line, sizeof line, "sigprof %s%s: %" PRIu64 " samples, weight %" PRIu64, what, name, tally.deliveries,
             tally.weight);
    sp_profile_add_comment(profile, line);
}

static void comment_count(struct sp_profile *profile, const char *what, const char *name, uint64_t count)
{
    char line[160];
    snprintf(line, sizeof line, "sigprof %s%s: %" PRIu64, what, name, count);
    sp_profile_add_comment(profile, line);
}

void sp_ledger_comment(const struct sp_ledger *ledger, struct sp_profile *profile)
{
    profile->comments.n = 0;
    comment_tally(profile, "fired", "", ledger->fired);
    comment_tally(profile, "recorded", "", ledger->recorded);
    for (unsigned i = 0; i < SP_LOSSES; i++)
        comment_tally(profile, "lost, ", loss_names[i], ledger->lost[i]);
    comment_tally(profile, "lost, ", "memory limit of the collector", ledger->over_memory);
    comment_tally(profile, "collected", "", ledger->collected);
    comment_count(profile, "damaged records skipped", "", ledger->damaged);
    for (unsigned i = 0; i < SP_STACK_ENDS; i++)
        comment_count(profile, "stacks ", end_names[i], ledger->ends[i]);
    comment_count(profile, "frames", "", ledger->frames);
    comment_count(profile, "frames in no mapping", "", ledger->unmapped_frames);
    comment_count(profile, "stray signals", "", ledger->stray);
    comment_count(profile, "threads armed", "", ledger->threads_armed);
    comment_count(profile, "threads sampled", "", ledger->threads_sampled);
    comment_count(profile, "threads without a slot", "", ledger->slots_full);
    comment_count(profile, "threads without a timer", "", ledger->timers_refused);
}
