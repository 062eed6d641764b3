/*
 * What `sigprof info` shows, drawn from a profile once and printed in one of two ways.
 *
 * Place: file → formats → *info* → stdout. Context: ordinary code of the command's only thread. The profile may be
 * anybody's: sums stay at the largest number when they would be larger.
 */
#ifndef SIGPROF_CLI_INFO_MODEL_H
#define SIGPROF_CLI_INFO_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "collector/ledger.h"
#include "profile/profile.h"

/* A process with its threads, which stand one behind the other in struct sp_info. */
struct sp_info_process {
    int32_t pid;
    uint32_t name; /* string of the profile */
    int64_t kernel_ns, recorded_ns, unsampled_ns;
    size_t first_thread, n_threads;
};

struct sp_info {
    const char *file; /* as on the command line */
    const struct sp_profile *profile;
    bool has_ledger; /* the profile is ours, and no tool on its way has dropped what is not pprof's */
    struct sp_ledger ledger;
    /* Largest CPU time first. */
    struct sp_info_process *processes;
    size_t n_processes;
    const struct sp_account **threads;
    size_t n_threads;
};

/* Fills `info` from a profile, which has to outlive it. 0 or -ENOMEM. */
int sp_info_init(struct sp_info *info, const char *file, const struct sp_profile *profile);
void sp_info_done(struct sp_info *info);

/* The period in ns of CPU or other time; 0 where it is not a time. */
int64_t sp_info_period_ns(const struct sp_profile *profile);

/* The sum of the values of sample type `type`, within int64_t. */
int64_t sp_info_total(const struct sp_profile *profile, size_t type);

/* One screen for people; with `has_all_rows` as long as it takes. */
void sp_info_print_text(const struct sp_info *info, bool has_all_rows, FILE *out);

/* One object of JSON. */
void sp_info_print_json(const struct sp_info *info, FILE *out);

#endif
