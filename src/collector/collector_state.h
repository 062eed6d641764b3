/*
 * The collector's state, shared by the files that make it up: collector.c (targets, drains, ledger) and samples.c
 * (records become samples).
 *
 * Place: inside src/collector only. Context: ordinary code, one thread at a time.
 */
#ifndef SIGPROF_COLLECTOR_COLLECTOR_STATE_H
#define SIGPROF_COLLECTOR_COLLECTOR_STATE_H

#include "collector/code_ranges.h"
#include "collector/collector.h"
#include "collector/cpu_accounts.h"
#include "collector/drain.h"
#include "collector/known_threads.h"
#include "collector/mappings.h"
#include "collector/thread_watch.h"
#include "collector/unloads.h"
#include "collector/virtual_frames.h"

/* Interned once, used for every sample. */
struct words {
    uint32_t thread, tid, pid, process, brief;
};

struct sp_collector {
    struct sp_profile *profile;
    uint64_t period_ns, memory_limit;
    struct words words;
    struct sp_images *images; /* or NULL */
    bool labels_processes;
    bool has_filter;
    SP_ARRAY(uint32_t) process_names; /* strings; a target's number is a position here */
    pid_t first_pid;                  /* of the first target */
    uint32_t executable;              /* string: path of the first process's last image; 0: not known */
    bool has_processes;               /* there was a target with another pid */
    struct sp_target *targets;        /* in order of attaching, the newest first */
    struct sp_ledger ledger;          /* what this side counts, and all of detached targets */
    size_t n_accounts;                /* of the profile's accounts, those of detached targets */
    uint64_t tree_cpu_ns;             /* 0: not known */
    uint32_t omitted_frames;          /* location that stands for them; SP_NONE: there were none yet */
    SP_ARRAY(bool) is_foreign;        /* see sp_collector_foreign */
    struct sp_virtual_locations virtual_locations;
    struct sp_record scratch;
    uint32_t locations[SP_DEPTH_LIMIT];
};

struct sp_target {
    struct sp_collector *collector;
    struct sp_target *next;
    struct sp_segment segment;
    struct sp_mappings mappings;
    struct sp_unload_reader unloads;
    struct sp_code_ranges code; /* of the mappings, as the handlers know them */
    struct sp_known_threads threads;
    struct sp_folded_threads folded;
    struct sp_virtual_functions virtual_functions;
    struct sp_thread_watch watch;
    uint32_t number;      /* position in process_names */
    uint64_t cpu_ns;      /* of the process from its birth, as sp_collector_process_cpu has told; 0: not yet */
    uint64_t start_ns;    /* where on the process's CPU clock this target's part begins */
    int64_t maps_read_ns; /* CLOCK_MONOTONIC */
    int64_t drain_ns, last_drain_ns; /* when the drain that is going on began, and the one before */
    bool has_read_maps;              /* in this drain */
    bool is_unloading;               /* something was being unloaded when the log was read last */
    bool is_making_code;             /* the last look at the mappings found other code ranges, or was the first */
    bool has_new_samples;            /* since the mappings were read */
};

/*
 * Samples say by its number which process they are of, until sp_process_labels_finish puts the names there: the name of
 * a process is that of its last look, and samples that were alike stay so when it changes.
 */
bool sp_process_labels_add(struct sp_collector *collector, uint32_t *number);
uint32_t sp_process_name(const struct sp_target *target); /* string */
void sp_process_rename(struct sp_target *target, uint32_t name);
void sp_process_labels_finish(struct sp_collector *collector);

/* Takes a record of the target (`user`) into the profile and the ledger; an sp_take_record. */
void sp_target_take_record(void *user, const struct sp_record *record);

#endif
