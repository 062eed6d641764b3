/*
 * Which process a sample is of.
 *
 * Place: collector; see collector_state.h for why names come last. Context: ordinary code, one thread at a time.
 */
#include <stdlib.h>

#include "collector/collector_state.h"

bool sp_process_labels_add(struct sp_collector *collector, uint32_t *number)
{
    if (collector->process_names.n == collector->process_names.capacity) {
        const size_t capacity = collector->process_names.capacity == 0 ? 16 : 2 * collector->process_names.capacity;
        uint32_t *grown = reallocarray(collector->process_names.at, capacity, sizeof *grown);
        if (grown == NULL)
            return false;
        collector->process_names.at = grown;
        collector->process_names.capacity = capacity;
    }
    *number = (uint32_t)collector->process_names.n++;
    collector->process_names.at[*number] = 0;
    return true;
}

uint32_t sp_process_name(const struct sp_target *target)
{
    return target->collector->process_names.at[target->number];
}

void sp_process_rename(struct sp_target *target, uint32_t name)
{
    target->collector->process_names.at[target->number] = name;
}

void sp_process_labels_finish(struct sp_collector *collector)
{
    struct sp_profile *profile = collector->profile;
    if (collector->labels_processes && !collector->has_processes) {
        sp_profile_drop_label(profile, collector->words.pid);
        sp_profile_drop_label(profile, collector->words.process);
        return;
    }
    const uint32_t unknown = sp_profile_string(profile, "(unknown)");
    for (size_t i = 0; i < profile->labels.n; i++) {
        struct sp_label *label = &profile->labels.at[i];
        if (label->key != collector->words.process || label->str != 0)
            continue;
        const uint32_t name = collector->process_names.at[label->num];
        label->str = name != 0 ? name : unknown;
        label->num = 0;
    }
}
