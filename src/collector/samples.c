/*
 * Records become samples: locations, labels, and who is not to have any.
 *
 * Place on the way of a sample: shard → drain → *this* → profile. Context: ordinary code, one thread at a time.
 */
#include <string.h>

#include "collector/collector_state.h"
#include "profile/grow.h"

/* What stands for the frames that a deep stack lacks: one location for all, with a name and no address. */
static uint32_t omitted_frames(struct sp_collector *collector)
{
    struct sp_profile *profile = collector->profile;
    if (collector->omitted_frames == SP_NONE) {
        const uint32_t name = sp_profile_string(profile, SP_OMITTED_FRAMES);
        const struct sp_function function = {.name = name, .system_name = name};
        const struct sp_line line = {.function = sp_profile_function(profile, &function)};
        const struct sp_location location = {.mapping = SP_NONE};
        collector->omitted_frames = sp_profile_add_location(profile, &location, &line, 1);
    }
    return collector->omitted_frames;
}

static uint32_t find_mapping(struct sp_target *target, uint64_t address, uint32_t epoch, bool *is_unsure)
{
    return sp_mappings_find(&target->mappings, target->collector->profile, address,
                            sp_whole_epoch(epoch, target->mappings.epoch), is_unsure);
}

/*
 * The location of a frame; pprof's rule: the interrupted pc as is, a caller's return address less one. No handler
 * leaves the leaf out, so there even SP_PC_GAP is an address like any other.
 */
static uint32_t location_of(struct sp_target *target, uint64_t pc, bool is_leaf, const struct sp_record *record)
{
    struct sp_collector *collector = target->collector;
    const uint64_t address = is_leaf ? pc : pc - 1;
    if (pc == SP_PC_GAP && !is_leaf)
        return omitted_frames(collector);
    if (sp_pc_is_virtual(pc))
        return sp_virtual_location(&collector->virtual_locations, &target->virtual_functions, &target->segment,
                                   collector->profile, pc);
    bool is_unsure;
    uint32_t mapping = find_mapping(target, address, record->epoch, &is_unsure);
    if (mapping == SP_NONE && !is_unsure && !target->has_read_maps) {
        sp_collector_read_maps(target);
        mapping = find_mapping(target, address, record->epoch, &is_unsure);
    }
    collector->ledger.frames += record->weight;
    if (mapping == SP_NONE)
        collector->ledger.unmapped_frames += record->weight;
    if (is_unsure)
        collector->ledger.unsure_frames += record->weight;
    return sp_profile_location(collector->profile, mapping, address);
}

/*
 * A stack that ends for want of rules may end at a caller in code that was made since the mappings were read (where it
 * is the leaf that lies there, it is in no mapping). While looking again finds other code, such a stack is reason to
 * look, once a drain; when it has found none, the next of the regular looks has to find some first.
 */
static void look_for_code(struct sp_target *target, enum sp_stack_end end)
{
    if (end == SP_STACK_CUT_RULES && target->is_making_code && !target->has_read_maps)
        sp_collector_read_maps(target);
}

/* While something is being unloaded, what takes its place may be there already, and nobody has told of either. */
static void look_for_changes(struct sp_target *target)
{
    if (target->is_unloading && !target->has_read_maps)
        sp_collector_read_maps(target);
}

enum { LABELS = 4 };

static uint32_t make_labels(struct sp_target *target, const struct sp_record *record, struct sp_known_thread *thread,
                            struct sp_label labels[LABELS])
{
    struct sp_collector *collector = target->collector;
    const uint32_t name =
        sp_known_thread_name(thread, &target->segment, target->mappings.pid, target->drain_ns, collector->profile);
    uint32_t n = 0;
    if (name != 0)
        labels[n++] = (struct sp_label){.key = collector->words.thread, .str = name};
    labels[n++] = (struct sp_label){.key = collector->words.tid, .num = record->tid};
    if (!collector->labels_processes)
        return n;
    labels[n++] = (struct sp_label){.key = collector->words.pid, .num = target->mappings.pid};
    labels[n++] = (struct sp_label){.key = collector->words.process, .num = target->number};
    return n;
}

static void add(struct sp_tally *tally, const struct sp_record *record)
{
    tally->deliveries += record->deliveries;
    tally->weight += record->weight;
}

/*
 * The thread's account is settled. What it still owed is less than a period for one that was sampled; of one that could
 * not be, it is not the start routine's, and stays out of the profile: the ledger has it under the reason.
 */
static void take_end(struct sp_target *target, const struct sp_record *record, struct sp_known_thread *thread)
{
    const uint64_t period_ns = target->segment.geometry.period_ns;
    sp_known_thread_settle(&target->threads, thread, record->since_ns, record->clock_ns, target->drain_ns);
    sp_known_thread_end_slotless(&target->threads, record->tid, record->since_ns, target->drain_ns);
    thread->is_withheld = thread->gap != SP_GAP_NONE && thread->gap != SP_GAP_UNKNOWN &&
                          record->weight * period_ns > sp_gap_limit_ns(&target->segment, record->weight * period_ns);
}

/* Whether the host's filter has refused the sample, or what would be put to a thread of which it wants nothing. */
static bool is_filtered(const struct sp_target *target, const struct sp_record *record,
                        const struct sp_known_thread *thread)
{
    if (record->kind != SP_RECORD_END)
        return record->kind == SP_RECORD_FILTERED;
    return target->collector->has_filter && (thread->filtered > 0 || thread->weight == 0);
}

static void count_filtered(struct sp_target *target, const struct sp_record *record, struct sp_known_thread *thread)
{
    add(&target->collector->ledger.filtered, record);
    thread->filtered += record->weight;
}

/* Notes that the host's traceback function has given the sample's addresses, and not our walk. */
static void mark_foreign(struct sp_collector *collector, uint32_t depth)
{
    struct sp_profile *profile = collector->profile;
    const size_t n = profile->locations.n;
    if (n > collector->is_foreign.n) {
        const size_t known = collector->is_foreign.n;
        if (!SP_RESERVE(profile, collector->is_foreign, n - known))
            return;
        memset(collector->is_foreign.at + known, 0, (n - known) * sizeof *collector->is_foreign.at);
        collector->is_foreign.n = n;
    }
    for (uint32_t i = 0; i < depth; i++)
        if (collector->locations[i] < n)
            collector->is_foreign.at[collector->locations[i]] = true;
}

/* Each delivery of a record stands for one period at least: the rest may all be one delivery's. */
static void note_heaviest(struct sp_ledger *ledger, const struct sp_record *record)
{
    const uint64_t others = record->deliveries > 0 ? record->deliveries - 1 : 0;
    if (record->weight > others && record->weight - others > ledger->heaviest)
        ledger->heaviest = record->weight - others;
}

/* An equal sample may be there already: it is added to that one. */
static void add_sample(struct sp_target *target, const struct sp_record *record, struct sp_known_thread *thread)
{
    struct sp_collector *collector = target->collector;
    struct sp_label labels[LABELS];
    target->has_new_samples = true;
    look_for_code(target, record->end);
    look_for_changes(target);
    for (uint32_t i = 0; i < record->depth; i++)
        collector->locations[i] = location_of(target, record->pcs[i], i == 0, record);
    if (record->kind == SP_RECORD_TRACEBACK)
        mark_foreign(collector, record->depth);
    const uint32_t n_labels = make_labels(target, record, thread, labels);
    const int64_t values[] = {(int64_t)record->weight, (int64_t)(record->weight * collector->period_ns)};
    sp_profile_add_sample(collector->profile, collector->locations, record->depth, labels, n_labels, values);
    add(&collector->ledger.collected, record);
    note_heaviest(&collector->ledger, record);
    collector->ledger.ends[record->end] += record->weight;
    collector->ledger.threads_sampled += thread->weight == 0;
    thread->weight += record->weight;
}

void sp_target_take_record(void *user, const struct sp_record *record)
{
    struct sp_target *target = user;
    struct sp_collector *collector = target->collector;
    const struct sp_thread_key key = {record->tid, record->slot_generation};
    struct sp_known_thread *thread = sp_known_thread(&target->threads, key);
    if (thread != NULL && record->kind == SP_RECORD_END)
        take_end(target, record, thread);
    if (record->weight == 0)
        return;
    if (thread == NULL || collector->profile->memory_bytes > collector->memory_limit)
        add(&collector->ledger.over_memory, record);
    else if (is_filtered(target, record, thread))
        count_filtered(target, record, thread);
    else if (record->kind == SP_RECORD_END && thread->is_withheld)
        add(&collector->ledger.withheld, record);
    else
        add_sample(target, record, thread);
}
