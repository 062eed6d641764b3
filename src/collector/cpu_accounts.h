/*
 * The accounts of CPU time that go into the profile: one for each thread, and one for the process.
 *
 * Place: collector, between the known threads and the profile. Threads that come by the thousands must not make the
 * profile huge, nor the collector: when more than SP_ACCOUNTS_KEPT threads of a process have ended, all of them are
 * folded into one account for each name, with tid 0. Context: ordinary code, one thread at a time.
 */
#ifndef SIGPROF_COLLECTOR_CPU_ACCOUNTS_H
#define SIGPROF_COLLECTOR_CPU_ACCOUNTS_H

#include <stdint.h>
#include <sys/types.h>

#include "collector/known_threads.h"
#include "collector/ledger.h"
#include "profile/profile.h"

enum { SP_ACCOUNTS_KEPT = 1000 };

/* The CPU time of a thread, or of several that have ended. */
struct sp_thread_time {
    int32_t tid;   /* 0: of several */
    uint32_t name; /* string of the profile */
    uint32_t n_threads;
    enum sp_gap gap;
    uint64_t kernel_ns, recorded_ns, unsampled_ns;
    uint64_t named_lost_ns; /* see struct sp_ledger */
};

/* Folded threads. Zeros at first. */
struct sp_folded_threads {
    SP_ARRAY(struct sp_thread_time) list;
};

/* The process whose threads they are. */
struct sp_account_owner {
    const struct sp_segment *segment;
    const struct sp_known_threads *threads;
    const struct sp_folded_threads *folded;
    pid_t pid;
    uint32_t name;              /* string of the profile */
    uint64_t kernel_ns;         /* CPU time of the process; 0: not known, the sum of its threads' is taken */
    uint32_t brief_name;        /* string: what stands for the name of threads too brief to be sampled */
    uint64_t n_brief, brief_ns; /* how many there were, and their CPU time */
    uint64_t lost_ns; /* CPU time of samples that were lost: it explains what is missing for no other reason */
};

/*
 * Folds the threads that ended before `before_ns` (CLOCK_MONOTONIC), when there are many: their records have all been
 * taken. `threads` are the owner's.
 */
void sp_cpu_accounts_fold(const struct sp_account_owner *owner, struct sp_known_threads *threads,
                          struct sp_folded_threads *folded, int64_t before_ns);

/* Appends the accounts of the threads to the profile, and then that of the process. */
void sp_cpu_accounts_write(const struct sp_account_owner *owner, struct sp_profile *profile);

/* Adds the same to the ledger's CPU time. */
void sp_cpu_accounts_add(const struct sp_account_owner *owner, struct sp_ledger *ledger);

void sp_folded_threads_done(struct sp_folded_threads *folded);

#endif
