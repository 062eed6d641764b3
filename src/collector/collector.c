/*
 * Samples of one or more processes become one profile.
 *
 * Place on the way of a sample: shard → *collector* → profile. Context: ordinary code, one thread at a time.
 */
#include "collector/collector.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "collector/collector_state.h"
#include "collector/counters.h"
#include "util/clock.h"

static const uint64_t default_memory_limit = (uint64_t)256 << 20;
static const int64_t read_maps_again_ns = 1000000000;

struct sp_collector *sp_collector_new(uint64_t period_ns, uint64_t memory_limit)
{
    struct sp_collector *collector = calloc(1, sizeof *collector);
    if (collector == NULL)
        return NULL;
    struct sp_profile *profile = collector->profile = sp_profile_new();
    if (profile == NULL) {
        free(collector);
        return NULL;
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    collector->period_ns = collector->ledger.period_ns = period_ns;
    collector->memory_limit = memory_limit == 0 ? default_memory_limit : memory_limit;
    sp_profile_add_sample_type(profile, "samples", "count");
    sp_profile_add_sample_type(profile, "cpu", "nanoseconds");
    profile->period_type.type = sp_profile_string(profile, "cpu");
    profile->period_type.unit = sp_profile_string(profile, "nanoseconds");
    profile->default_sample_type = profile->period_type.type;
    profile->period = (int64_t)period_ns;
    profile->time_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    profile->duration_ns = 1;
    collector->omitted_frames = SP_NONE;
    collector->words = (struct words){sp_profile_string(profile, "thread"), sp_profile_string(profile, "tid"),
                                      sp_profile_string(profile, "pid"), sp_profile_string(profile, "process"),
                                      sp_profile_string(profile, "(brief)")};
    return collector;
}

void sp_collector_free(struct sp_collector *collector)
{
    if (collector == NULL)
        return;
    while (collector->targets != NULL)
        sp_collector_detach(collector->targets);
    sp_profile_free(collector->profile);
    free(collector->process_names.at);
    free(collector->is_foreign.at);
    sp_virtual_locations_done(&collector->virtual_locations);
    free(collector);
}

void sp_collector_label_processes(struct sp_collector *collector)
{
    collector->labels_processes = true;
}

void sp_collector_expect_filter(struct sp_collector *collector)
{
    collector->has_filter = true;
}

void sp_collector_use_images(struct sp_collector *collector, struct sp_images *images)
{
    collector->images = images;
}

static bool publish_code(struct sp_target *target)
{
    return sp_code_ranges_publish(&target->code, &target->mappings, sp_segment_unwind(&target->segment));
}

static void take_unload(void *user, const struct sp_unload *unload)
{
    struct sp_target *target = user;
    sp_mappings_unload(&target->mappings, target->collector->profile, unload);
}

/* What was unloaded since the last time. Whether it is not all that was. */
static bool take_unloads(struct sp_target *target)
{
    const struct sp_unload_state state = sp_unloads_take(&target->segment, &target->unloads, take_unload, target);
    sp_mappings_unloads_told(&target->mappings, &state);
    target->is_unloading = state.is_open;
    target->collector->ledger.untold_unloads += state.untold;
    return state.is_gap;
}

/* The log is read behind the mappings: what they have not, because it was just unloaded, it has. */
void sp_collector_read_maps(struct sp_target *target)
{
    target->maps_read_ns = sp_now_ns();
    target->has_read_maps = true;
    target->has_new_samples = false;
    sp_mappings_read(&target->mappings, target->collector->profile);
    take_unloads(target);
    target->is_making_code = publish_code(target);
}

void sp_collector_read_last_maps(struct sp_target *target)
{
    if (target->has_new_samples)
        sp_collector_read_maps(target);
}

/*
 * Where on its CPU clock a process's part begins: now, when it is our own. Else at its birth; or, when it is a new
 * image by exec(2) of a process that was recorded before, where the old one's part ends.
 */
static uint64_t start_of(const struct sp_collector *collector, pid_t pid, uint64_t clock_ns)
{
    uint64_t before_ns = 0;
    if (pid == getpid())
        return clock_ns;
    for (size_t i = 0; i < collector->n_accounts; i++) {
        const struct sp_account *account = &collector->profile->accounts.at[i];
        if (account->pid == pid && account->n_threads == 0)
            before_ns += (uint64_t)account->kernel_ns;
    }
    return before_ns <= clock_ns ? before_ns : 0; /* larger: it is another process that got the same pid */
}

static void read_name(struct sp_target *target)
{
    char name[SP_THREAD_NAME_BYTES + 1];
    if (sp_proc_thread_name(target->mappings.pid, target->mappings.pid, name, sizeof name))
        sp_process_rename(target, sp_profile_string(target->collector->profile, name));
}

/* A forked process is its parent still, until it says otherwise. */
static void take_over(struct sp_target *target, struct sp_target *parent)
{
    const uint64_t first_epoch = sp_load_relaxed(&target->segment.header->unloads.first_epoch);
    struct sp_profile *profile = target->collector->profile;
    const struct sp_profile *theirs = parent->collector->profile;
    sp_process_rename(target, sp_profile_string(profile, sp_profile_text(theirs, sp_process_name(parent))));
    target->maps_read_ns = parent->maps_read_ns;
    if (take_unloads(parent)) /* too little is known of what it has without its mappings */
        sp_collector_read_maps(parent);
    sp_mappings_copy(&target->mappings, profile, &parent->mappings, theirs, first_epoch);
    target->is_making_code = parent->is_making_code;
    publish_code(target);
}

struct sp_target *sp_collector_attach(struct sp_collector *collector, const struct sp_segment *segment, pid_t pid,
                                      struct sp_target *parent)
{
    struct sp_target *target = calloc(1, sizeof *target);
    if (target == NULL || !sp_process_labels_add(collector, &target->number)) {
        free(target);
        return NULL;
    }
    target->collector = collector;
    target->segment = *segment;
    target->mappings.pid = pid;
    target->mappings.images = collector->images;
    if (collector->first_pid == 0)
        collector->first_pid = pid;
    collector->has_processes = collector->has_processes || pid != collector->first_pid;
    target->next = collector->targets;
    collector->targets = target;
    sp_thread_watch_start(&target->watch, pid);
    target->start_ns = start_of(collector, pid, target->watch.clock_ns);
    if (parent != NULL) {
        take_over(target, parent);
    } else {
        read_name(target);
        sp_collector_read_maps(target);
        target->is_making_code = true; /* until a second look shows that it is not */
        if (pid == collector->first_pid && target->mappings.executable != 0)
            collector->executable = target->mappings.executable;
    }
    return target;
}

int sp_collector_map(int fd, const struct sp_geometry *geometry, struct sp_segment *segment)
{
    struct stat status;
    struct sp_geometry checked = *geometry;
    const int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || !sp_geometry_layout(&checked) ||
        memcmp(&checked, geometry, sizeof checked) != 0 || fstat(fd, &status) != 0 ||
        (uint64_t)status.st_size < checked.bytes)
        return -EINVAL;
    void *at = mmap(NULL, checked.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return -errno;
    *segment = (struct sp_segment){at, checked};
    return 0;
}

void sp_collector_unmap(struct sp_segment *segment)
{
    if (segment->header != NULL)
        munmap(segment->header, segment->geometry.bytes);
    segment->header = NULL;
}

static void drain(struct sp_target *target, bool is_last)
{
    struct sp_turned turned;
    target->last_drain_ns = target->drain_ns;
    target->drain_ns = sp_now_ns();
    target->has_read_maps = false;
    sp_mappings_begin_drain(&target->mappings);
    sp_drain_turn(&target->segment, is_last, &turned);
    const bool is_gap = take_unloads(target);
    if (is_gap || target->drain_ns - target->maps_read_ns > read_maps_again_ns)
        sp_collector_read_maps(target);
    target->collector->ledger.damaged +=
        sp_drain_read(&target->segment, &turned, &target->collector->scratch, sp_target_take_record, target);
}

static uint64_t ns_of(const struct sp_target *target, uint64_t weight)
{
    uint64_t ns;
    return __builtin_mul_overflow(weight, target->segment.geometry.period_ns, &ns) ? UINT64_MAX : ns;
}

static struct sp_account_owner owner_of(const struct sp_target *target)
{
    struct sp_ledger counters = {0};
    uint64_t lost = 0;
    sp_counters_add(&target->segment, &counters);
    for (unsigned i = 0; i < SP_LOSSES; i++)
        lost += counters.lost[i].weight;
    const uint64_t clock_ns = target->cpu_ns != 0 ? target->cpu_ns : target->watch.clock_ns;
    return (struct sp_account_owner){.segment = &target->segment,
                                     .threads = &target->threads,
                                     .folded = &target->folded,
                                     .pid = target->mappings.pid,
                                     .name = sp_process_name(target),
                                     .kernel_ns = clock_ns > target->start_ns ? clock_ns - target->start_ns : 0,
                                     .brief_name = target->collector->words.brief,
                                     .n_brief = counters.brief.deliveries,
                                     .brief_ns = counters.brief.weight,
                                     .lost_ns = ns_of(target, lost)};
}

/* The look from outside, after what the segment had to tell has been taken in. */
static void look(struct sp_target *target, bool is_last)
{
    struct sp_ledger counters = {0};
    sp_counters_add(&target->segment, &counters);
    const struct sp_watched process = {.segment = &target->segment,
                                       .pid = target->mappings.pid,
                                       .threads = &target->threads,
                                       .profile = target->collector->profile,
                                       .accounted_ns = ns_of(target, counters.fired.weight),
                                       .now_ns = target->drain_ns};
    if (sp_thread_watch_look(&target->watch, &process, is_last))
        read_name(target);
    const struct sp_account_owner owner = owner_of(target);
    sp_cpu_accounts_fold(&owner, &target->threads, &target->folded, target->last_drain_ns);
}

void sp_collector_drain(struct sp_target *target)
{
    drain(target, false);
    look(target, false);
    sp_store_release(&target->segment.header->postpone, 1u);
}

void sp_collector_look(struct sp_target *target)
{
    drain(target, false);
    look(target, true);
}

void sp_collector_drain_last(struct sp_target *target)
{
    drain(target, true);
    look(target, true);
}

void sp_collector_process_cpu(struct sp_target *target, uint64_t cpu_ns)
{
    target->cpu_ns = cpu_ns;
}

void sp_collector_tree_cpu(struct sp_collector *collector, uint64_t cpu_ns)
{
    collector->tree_cpu_ns = cpu_ns;
}

/* All that is known of a target, into the ledger. */
static void add_to_ledger(const struct sp_target *target, struct sp_ledger *ledger)
{
    const struct sp_account_owner owner = owner_of(target);
    sp_counters_add(&target->segment, ledger);
    sp_cpu_accounts_add(&owner, ledger);
}

/* The accounts of a target, behind those that are in the profile already. */
static void write_accounts(const struct sp_target *target)
{
    const struct sp_account_owner owner = owner_of(target);
    sp_cpu_accounts_write(&owner, target->collector->profile);
}

void sp_collector_release_files(struct sp_target *target)
{
    sp_mappings_release_files(&target->mappings);
}

void sp_collector_detach(struct sp_target *target)
{
    struct sp_collector *collector = target->collector;
    struct sp_target **link = &collector->targets;
    while (*link != target)
        link = &(*link)->next;
    *link = target->next;
    add_to_ledger(target, &collector->ledger);
    collector->profile->accounts.n = collector->n_accounts;
    write_accounts(target);
    collector->n_accounts = collector->profile->accounts.n;
    sp_mappings_done(&target->mappings);
    sp_thread_watch_done(&target->watch);
    sp_folded_threads_done(&target->folded);
    sp_known_threads_done(&target->threads);
    sp_virtual_functions_done(&target->virtual_functions);
    free(target);
}

const bool *sp_collector_foreign(const struct sp_collector *collector, size_t *n)
{
    *n = collector->is_foreign.n;
    return collector->is_foreign.at;
}

void sp_collector_ledger(const struct sp_collector *collector, struct sp_ledger *ledger)
{
    *ledger = collector->ledger;
    for (const struct sp_target *target = collector->targets; target != NULL; target = target->next)
        add_to_ledger(target, ledger);
    if (collector->tree_cpu_ns > ledger->kernel_ns)
        ledger->kernel_ns = collector->tree_cpu_ns;
}

/* profile.proto: "the first mapping is the main binary". A shell that had a sample before exec(3) is not what was
 * meant. */
static void put_executable_first(const struct sp_collector *collector)
{
    struct sp_profile *profile = collector->profile;
    for (uint32_t i = 0; i < profile->mappings.n; i++) {
        if (collector->executable == 0 || profile->mappings.at[i].file != collector->executable)
            continue;
        sp_profile_swap_mappings(profile, 0, i);
        return;
    }
}

struct sp_profile *sp_collector_profile(struct sp_collector *collector, int64_t duration_ns)
{
    struct sp_ledger ledger;
    collector->profile->duration_ns = duration_ns > 0 ? duration_ns : 1;
    sp_collector_ledger(collector, &ledger);
    sp_process_labels_finish(collector);
    put_executable_first(collector);
    collector->profile->accounts.n = collector->n_accounts;
    for (const struct sp_target *target = collector->targets; target != NULL; target = target->next)
        write_accounts(target);
    sp_ledger_write_facts(&ledger, collector->profile);
    sp_ledger_comment(&ledger, collector->profile);
    return sp_profile_error(collector->profile) == 0 ? collector->profile : NULL;
}
