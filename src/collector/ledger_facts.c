/*
 * The ledger as facts of a profile, and back.
 *
 * Place: collector; `sigprof info` reads what it wrote. One table serves both ways, so that nothing can be written and
 * not be read. Context: ordinary code; the facts may come from any file.
 */
#include <stdio.h>
#include <string.h>

#include "collector/ledger.h"

/* A number of the ledger, or a tally: then two facts, KEY.count and KEY.weight. */
struct entry {
    const char *key;
    size_t offset;
    bool is_tally;
};

#define NUMBER(key, field)                              \
    {                                                   \
        (key), offsetof(struct sp_ledger, field), false \
    }
#define TALLY(key, field)                              \
    {                                                  \
        (key), offsetof(struct sp_ledger, field), true \
    }

static const struct entry entries[] = {
    NUMBER("period_ns", period_ns),
    NUMBER("trigger.asked", trigger_asked),
    NUMBER("trigger.used", trigger_used),
    NUMBER("trigger.tick_ns", tick_ns),
    NUMBER("trigger.perf_refused", perf_refused),
    NUMBER("trigger.perf_slowed", perf_slowed),
    NUMBER("trigger.perf_error", perf_error),
    NUMBER("trigger.timer_error", timer_error),
    TALLY("fired", fired),
    TALLY("recorded", recorded),
    TALLY("collected", collected),
    NUMBER("collected.heaviest", heaviest),
    TALLY("settled", settled),
    TALLY("withheld", withheld),
    TALLY("filtered", filtered),
    TALLY("lost.shards busy", lost[SP_LOSS_BUSY]),
    TALLY("lost.shards full", lost[SP_LOSS_FULL]),
    TALLY("lost.no place", lost[SP_LOSS_NO_PLACE]),
    TALLY("lost.memory limit", over_memory),
    NUMBER("damaged", damaged),
    NUMBER("stray", stray),
    NUMBER("early", early),
    NUMBER("backstop_idle", backstop_idle),
    NUMBER("stacks.complete", ends[SP_STACK_COMPLETE]),
    NUMBER("stacks.cut by depth", ends[SP_STACK_CUT_DEPTH]),
    NUMBER("stacks.cut by memory", ends[SP_STACK_CUT_MEMORY]),
    NUMBER("stacks.cut by missing rules", ends[SP_STACK_CUT_RULES]),
    NUMBER("stacks.frames", frames),
    NUMBER("stacks.frames in no mapping", unmapped_frames),
    NUMBER("stacks.frames in an unknown library", unsure_frames),
    NUMBER("unloading.untold", untold_unloads),
    NUMBER("unwinding.frames", frames_walked),
    NUMBER("unwinding.rules missed", rules_missed),
    NUMBER("interpreters.frames", virtual_placed),
    NUMBER("interpreters.dropped", virtual_dropped),
    NUMBER("interpreters.damaged", virtual_damaged),
    NUMBER("interpreters.functions refused", names_refused),
    NUMBER("tracebacks.called", tracebacks),
    NUMBER("tracebacks.empty", tracebacks_empty),
    NUMBER("tracebacks.garbled", tracebacks_garbled),
    NUMBER("tracebacks.overrun", tracebacks_overrun),
    NUMBER("threads.armed", threads_armed),
    NUMBER("threads.sampled", threads_sampled),
    NUMBER("threads.brief", brief.deliveries),
    NUMBER("threads.brief_ns", brief.weight),
    NUMBER("threads.without a slot", slots_full),
    NUMBER("threads.without a timer", timers_refused),
    NUMBER("cpu.kernel_ns", kernel_ns),
    NUMBER("cpu.unsampled_ns.SIGPROF blocked", unsampled_ns[SP_GAP_BLOCKED]),
    NUMBER("cpu.unsampled_ns.SIGPROF ignored", unsampled_ns[SP_GAP_IGNORED]),
    NUMBER("cpu.unsampled_ns.handler replaced", unsampled_ns[SP_GAP_REPLACED]),
    NUMBER("cpu.unsampled_ns.no timer", unsampled_ns[SP_GAP_NO_TIMER]),
    NUMBER("cpu.unsampled_ns.no slot", unsampled_ns[SP_GAP_NO_SLOT]),
    NUMBER("cpu.unsampled_ns.filtered", unsampled_ns[SP_GAP_FILTERED]),
    NUMBER("cpu.unsampled_ns.unknown", unsampled_ns[SP_GAP_UNKNOWN]),
    NUMBER("cpu.named_lost_ns", named_lost_ns),
};
enum { N_ENTRIES = sizeof entries / sizeof entries[0], KEY_BYTES = 64 };

/* The version of the facts; a reader of another one does not understand them. */
static const char version_key[] = "ledger.version";
enum { LEDGER_VERSION = 1 };

/* Each number of the ledger with its key; `take` may change the number. */
static void for_each(struct sp_ledger *ledger, void (*take)(void *user, const char *key, uint64_t *number), void *user)
{
    char key[KEY_BYTES];
    for (unsigned i = 0; i < N_ENTRIES; i++) {
        char *at = (char *)ledger + entries[i].offset;
        if (!entries[i].is_tally) {
            take(user, entries[i].key, (uint64_t *)(void *)at);
            continue;
        }
        struct sp_tally *tally = (struct sp_tally *)(void *)at;
        snprintf(key, sizeof key, "%s.count", entries[i].key);
        take(user, key, &tally->deliveries);
        snprintf(key, sizeof key, "%s.weight", entries[i].key);
        take(user, key, &tally->weight);
    }
}

static void write_fact(void *user, const char *key, uint64_t *number)
{
    sp_profile_set_fact(user, key, *number < INT64_MAX ? (int64_t)*number : INT64_MAX, NULL);
}

static void read_fact(void *user, const char *key, uint64_t *number)
{
    const struct sp_profile *const *profile = user;
    const struct sp_fact *fact = sp_profile_fact(*profile, key);
    *number = fact != NULL && fact->value > 0 ? (uint64_t)fact->value : 0;
}

void sp_ledger_write_facts(const struct sp_ledger *ledger, struct sp_profile *profile)
{
    struct sp_ledger copy = *ledger;
    sp_profile_set_fact(profile, version_key, LEDGER_VERSION, NULL);
    for_each(&copy, write_fact, profile);
    sp_profile_set_fact(profile, "trigger.asked", (int64_t)ledger->trigger_asked,
                        sp_trigger_name(ledger->trigger_asked));
    sp_profile_set_fact(profile, "trigger.used", (int64_t)ledger->trigger_used,
                        sp_trigger_used_name(ledger->trigger_used));
}

bool sp_ledger_read_facts(const struct sp_profile *profile, struct sp_ledger *ledger)
{
    const struct sp_fact *version = sp_profile_fact(profile, version_key);
    if (version == NULL || version->value != LEDGER_VERSION)
        return false;
    struct sp_ledger read = {0};
    for_each(&read, read_fact, &profile);
    *ledger = read;
    return true;
}
