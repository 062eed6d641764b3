/*
 * Samples of one or more processes become one profile.
 *
 * Place on the way of a sample: shard → *collector* → profile. Context: ordinary code, one thread at a time.
 */
#include "collector/collector.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "collector/drain.h"
#include "collector/mappings.h"
#include "collector/thread_names.h"
#include "util/clock.h"

static const uint64_t default_memory_limit = (uint64_t)256 << 20;
static const int64_t read_maps_again_ns = 1000000000;

/* Interned once, used for every sample. */
struct words {
    uint32_t thread, tid, pid;
};

struct sp_collector {
    struct sp_profile *profile;
    uint64_t period_ns, memory_limit;
    struct words words;
    pid_t first_pid;
    struct sp_target *targets; /* in order of attaching, the newest first */
    struct sp_ledger ledger;   /* what this side counts, and the counters of detached targets */
    struct sp_record scratch;
    uint32_t locations[SP_DEPTH_LIMIT];
};

struct sp_target {
    struct sp_collector *collector;
    struct sp_target *next;
    struct sp_segment segment;
    struct sp_mappings mappings;
    struct sp_thread_names threads;
    int64_t maps_read_ns; /* CLOCK_MONOTONIC */
    int64_t drain_ns;     /* when the drain that is going on began */
    bool has_read_maps;   /* in this drain */
};

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
    collector->words = (struct words){sp_profile_string(profile, "thread"), sp_profile_string(profile, "tid"),
                                      sp_profile_string(profile, "pid")};
    return collector;
}

void sp_collector_free(struct sp_collector *collector)
{
    if (collector == NULL)
        return;
    while (collector->targets != NULL)
        sp_collector_detach(collector->targets);
    sp_profile_free(collector->profile);
    free(collector);
}

void sp_collector_read_maps(struct sp_target *target)
{
    target->maps_read_ns = sp_now_ns();
    target->has_read_maps = true;
    sp_mappings_read(&target->mappings, target->collector->profile);
}

struct sp_target *sp_collector_attach(struct sp_collector *collector, const struct sp_segment *segment, pid_t pid)
{
    struct sp_target *target = calloc(1, sizeof *target);
    if (target == NULL)
        return NULL;
    target->collector = collector;
    target->segment = *segment;
    target->mappings.pid = pid;
    if (collector->first_pid == 0)
        collector->first_pid = pid;
    target->next = collector->targets;
    collector->targets = target;
    sp_collector_read_maps(target);
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

/* The location of a frame; pprof's rule: the interrupted pc as is, a caller's return address less one. */
static uint32_t location_of(struct sp_target *target, uint64_t pc, bool is_leaf, uint64_t weight)
{
    struct sp_collector *collector = target->collector;
    const uint64_t address = is_leaf ? pc : pc - 1;
    uint32_t mapping = sp_mappings_find(&target->mappings, collector->profile, address);
    if (mapping == SP_NONE && !target->has_read_maps) {
        sp_collector_read_maps(target);
        mapping = sp_mappings_find(&target->mappings, collector->profile, address);
    }
    collector->ledger.frames += weight;
    if (mapping == SP_NONE)
        collector->ledger.unmapped_frames += weight;
    return sp_profile_location(collector->profile, mapping, address);
}

static uint32_t make_labels(struct sp_target *target, const struct sp_record *record, struct sp_label labels[3])
{
    struct sp_collector *collector = target->collector;
    const struct sp_thread_key key = {record->tid, record->slot_generation};
    bool is_new;
    const uint32_t name = sp_thread_name(&target->threads, &target->segment, target->mappings.pid, key,
                                         target->drain_ns, collector->profile, &is_new);
    collector->ledger.threads_sampled += is_new;
    uint32_t n = 0;
    if (name != 0)
        labels[n++] = (struct sp_label){.key = collector->words.thread, .str = name};
    labels[n++] = (struct sp_label){.key = collector->words.tid, .num = record->tid};
    if (target->mappings.pid != collector->first_pid)
        labels[n++] = (struct sp_label){.key = collector->words.pid, .num = target->mappings.pid};
    return n;
}

static void add(struct sp_tally *tally, const struct sp_record *record)
{
    tally->deliveries += record->deliveries;
    tally->weight += record->weight;
}

static void take_record(void *user, const struct sp_record *record)
{
    struct sp_target *target = user;
    struct sp_collector *collector = target->collector;
    struct sp_label labels[3];
    if (collector->profile->memory_bytes > collector->memory_limit) {
        add(&collector->ledger.over_memory, record);
        return;
    }
    if (record->weight == 0)
        return;
    const uint32_t depth = record->kind == SP_RECORD_END ? 1 : record->depth; /* the start routine */
    for (uint32_t i = 0; i < depth; i++)
        collector->locations[i] = location_of(target, record->pcs[i], i == 0, record->weight);
    const uint32_t n_labels = make_labels(target, record, labels);
    const int64_t values[] = {(int64_t)record->weight, (int64_t)(record->weight * collector->period_ns)};
    sp_profile_add_sample(collector->profile, collector->locations, depth, labels, n_labels, values);
    add(&collector->ledger.collected, record);
    collector->ledger.ends[record->end] += record->weight;
}

static void drain(struct sp_target *target, bool is_last)
{
    target->drain_ns = sp_now_ns();
    target->has_read_maps = false;
    if (target->drain_ns - target->maps_read_ns > read_maps_again_ns)
        sp_collector_read_maps(target);
    target->collector->ledger.damaged +=
        sp_drain(&target->segment, is_last, &target->collector->scratch, take_record, target);
}

/* How many threads the process has: the links of /proc/PID/task less "." and ".." (Linux, fs/proc/base.c). */
static uint64_t count_threads(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && status.st_nlink > 2 ? status.st_nlink - 2 : 0;
}

static void list_unlisted(const struct sp_segment *segment, DIR *tasks)
{
    uint32_t n = 0;
    for (const struct dirent *task = readdir(tasks); task != NULL && n < SP_UNLISTED; task = readdir(tasks)) {
        const int32_t tid = (int32_t)strtol(task->d_name, NULL, 10);
        if (tid > 0 && sp_segment_find(segment, tid) == 0)
            sp_store_release(&segment->header->unlisted[n++], tid);
    }
}

/* Tells the process timer's handler of threads that nobody announced, so that it arms them. */
static void look_for_threads(const struct sp_target *target)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)target->mappings.pid);
    if (count_threads(path) <= sp_load_relaxed(&target->segment.header->threads_live))
        return;
    DIR *tasks = opendir(path);
    if (tasks == NULL)
        return;
    list_unlisted(&target->segment, tasks);
    closedir(tasks);
}

void sp_collector_drain(struct sp_target *target)
{
    drain(target, false);
    look_for_threads(target);
    sp_store_release(&target->segment.header->postpone, 1u);
}

void sp_collector_drain_last(struct sp_target *target)
{
    drain(target, true);
}

/* No session lasts long enough to count higher: more was not written by a handler. */
static const uint64_t count_limit = (uint64_t)1 << 48;

/* A number that the target's side has counted; 0, and marked as damaged, where it cannot be one. */
static uint64_t plausible(uint64_t count, uint64_t limit, struct sp_ledger *ledger)
{
    if (count <= limit)
        return count;
    ledger->damaged++;
    return 0;
}

static void add_count(struct sp_tally *tally, struct sp_count *count, struct sp_ledger *ledger)
{
    tally->deliveries += plausible(sp_load_relaxed(&count->deliveries), count_limit, ledger);
    tally->weight += plausible(sp_load_relaxed(&count->weight), count_limit, ledger);
}

static void add_stripe(struct sp_stripe *stripe, struct sp_ledger *ledger)
{
    add_count(&ledger->fired, &stripe->fired, ledger);
    for (uint32_t loss = 0; loss < SP_LOSSES; loss++)
        add_count(&ledger->lost[loss], &stripe->lost[loss], ledger);
    ledger->backstop_idle += plausible(sp_load_relaxed(&stripe->backstop_idle), count_limit, ledger);
    add_count(&ledger->settled, &stripe->settled, ledger);
    ledger->early += plausible(sp_load_relaxed(&stripe->early), count_limit, ledger);
    ledger->stray += plausible(sp_load_relaxed(&stripe->stray), count_limit, ledger);
}

/* What the target says of its trigger; the first refusal of all targets is kept. */
static void note_trigger(const struct sp_header *header, struct sp_ledger *ledger)
{
    const uint32_t errno_limit = 4096;
    const uint32_t asked = sp_load_relaxed(&header->trigger_asked), used = sp_load_relaxed(&header->trigger);
    ledger->trigger_asked = (uint32_t)plausible(asked, SP_TRIGGERS - 1, ledger);
    ledger->trigger = (uint32_t)plausible(used, SP_TRIGGERS - 1, ledger);
    ledger->tick_ns = plausible(sp_load_relaxed(&header->tick_ns), 1000000000, ledger);
    ledger->perf_refused += plausible(sp_load_relaxed(&header->perf_refused), count_limit, ledger);
    if (ledger->perf_error == 0)
        ledger->perf_error = (uint32_t)plausible((uint32_t)sp_load_relaxed(&header->perf_error), errno_limit, ledger);
    if (ledger->timer_error == 0)
        ledger->timer_error = (uint32_t)plausible((uint32_t)sp_load_relaxed(&header->timer_error), errno_limit, ledger);
}

/* Adds what the target's side has counted. Its memory may be damaged: then these numbers are, and nothing else. */
static void add_counters(const struct sp_segment *segment, struct sp_ledger *ledger)
{
    struct sp_header *header = segment->header;
    for (uint32_t i = 0; i < SP_STRIPES; i++)
        add_stripe(&header->stripes[i], ledger);
    for (uint32_t i = 0; i < segment->geometry.n_shards; i++)
        add_count(&ledger->recorded, &sp_segment_shard(segment, i)->recorded, ledger);
    note_trigger(header, ledger);
    ledger->threads_armed += plausible(sp_load_relaxed(&header->threads_armed), count_limit, ledger);
    ledger->slots_full += plausible(sp_load_relaxed(&header->slots_full), count_limit, ledger);
    ledger->timers_refused += plausible(sp_load_relaxed(&header->timers_refused), count_limit, ledger);
}

void sp_collector_detach(struct sp_target *target)
{
    struct sp_target **link = &target->collector->targets;
    while (*link != target)
        link = &(*link)->next;
    *link = target->next;
    add_counters(&target->segment, &target->collector->ledger);
    sp_mappings_done(&target->mappings);
    sp_thread_names_done(&target->threads);
    free(target);
}

void sp_collector_ledger(const struct sp_collector *collector, struct sp_ledger *ledger)
{
    *ledger = collector->ledger;
    for (const struct sp_target *target = collector->targets; target != NULL; target = target->next)
        add_counters(&target->segment, ledger);
}

struct sp_profile *sp_collector_profile(struct sp_collector *collector, int64_t duration_ns)
{
    struct sp_ledger ledger;
    collector->profile->duration_ns = duration_ns > 0 ? duration_ns : 1;
    sp_collector_ledger(collector, &ledger);
    sp_ledger_comment(&ledger, collector->profile);
    return sp_profile_error(collector->profile) == 0 ? collector->profile : NULL;
}
