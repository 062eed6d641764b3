/*
 * The threads of a process that the collector knows: their names, and their accounts of CPU time.
 *
 * Place: collector. A thread becomes known by its first record, or when the collector looks at it (thread_watch.h),
 * and stays known when it has ended. Context: ordinary code, one thread at a time.
 */
#ifndef SIGPROF_COLLECTOR_KNOWN_THREADS_H
#define SIGPROF_COLLECTOR_KNOWN_THREADS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector/ledger.h"
#include "handler/segment.h"
#include "profile/profile.h"

/* A thread: its tid, and the slot and generation that tell it from another thread of the same tid. */
struct sp_thread_key {
    int32_t tid;
    uint64_t
        slot_generation; /* a record's word 1; of a thread without a slot: how many of its tid came before, << 48 */
};

struct sp_known_thread {
    struct sp_thread_key key;
    uint32_t name;    /* string of the profile */
    int64_t asked_ns; /* when the name was read, CLOCK_MONOTONIC */

    /* Its account; see sp_known_thread_kernel_ns and sp_known_thread_recorded_ns. */
    uint64_t weight;             /* periods that its samples in the profile stand for */
    uint64_t filtered;           /* periods of samples that the host's filter refused */
    uint64_t since_ns, clock_ns; /* its CPU clock: when its account began, and when it was last read; both 0: never */
    enum sp_gap gap;             /* why samples stayed behind its clock when it was last looked at */
    int64_t ended_ns;            /* when it was known to be at its end, CLOCK_MONOTONIC; 0: it is not */
    bool is_settled;             /* its last record has been taken: clock_ns is that of its end */
    bool is_withheld;            /* what it still owed at its end is not in the profile */

    /* The last look that found a new sample. */
    uint64_t sampled_weight, sampled_clock_ns;
    uint64_t silent_user_ns; /* its time in user code when there first was reason to ask for it after that; 0: none */
};

struct sp_known_threads {
    SP_ARRAY(struct sp_known_thread) known;
    uint32_t *table; /* open addressing: position in known + 1, or 0; table_size entries, a power of 2 */
    size_t table_size;
    int64_t settled_ns; /* when a thread settled its account last, CLOCK_MONOTONIC */
};

/*
 * The thread of that key; it becomes known when it is not. Of a thread without a slot only the tid counts. NULL
 * without memory. Valid until the next call.
 */
struct sp_known_thread *sp_known_thread(struct sp_known_threads *threads, struct sp_thread_key key);

/* The thread of that key, or NULL: it is not known. */
struct sp_known_thread *sp_known_thread_find(const struct sp_known_threads *threads, struct sp_thread_key key);

/* The thread that has this tid now. NULL without memory. Valid until the next call. */
struct sp_known_thread *sp_known_thread_now(struct sp_known_threads *threads, const struct sp_segment *segment,
                                            int32_t tid);

/* The account of `thread` is settled at its CPU clock `clock_ns`; that account began at `since_ns`. */
void sp_known_thread_settle(struct sp_known_threads *threads, struct sp_known_thread *thread, uint64_t since_ns,
                            uint64_t clock_ns, int64_t now_ns);

/*
 * Where a thread was seen before it had a slot, that account ends at `until_ns` on its CPU clock: the slot's account
 * has the rest.
 */
void sp_known_thread_end_slotless(struct sp_known_threads *threads, int32_t tid, uint64_t until_ns, int64_t now_ns);

/* Whether a thread of that tid has just settled its account: it may be there still, on its last steps. */
bool sp_known_threads_has_settled(const struct sp_known_threads *threads, int32_t tid, int64_t now_ns);

/* The slot of the thread as long as it is this thread's, or NULL. */
const struct sp_slot *sp_known_thread_slot(const struct sp_known_thread *thread, const struct sp_segment *segment);

/*
 * Reads the thread's name as a string of the profile: from the slot when the thread has ended, else from /proc of
 * process `pid`, once for each `now_ns`, which is a drain's. 0 as long as neither knows.
 */
uint32_t sp_known_thread_name(struct sp_known_thread *thread, const struct sp_segment *segment, pid_t pid,
                              int64_t now_ns, struct sp_profile *profile);

/* CPU time in ns of the thread's account: by the kernel, by the samples in the profile, and by those refused. */
uint64_t sp_known_thread_kernel_ns(const struct sp_known_thread *thread);
uint64_t sp_known_thread_recorded_ns(const struct sp_known_thread *thread, uint64_t period_ns);
uint64_t sp_known_thread_filtered_ns(const struct sp_known_thread *thread, uint64_t period_ns);

/*
 * Whether the thread gave its slot back before a sample of it was due: then it left no record, and the target has
 * counted it and its CPU time.
 */
bool sp_known_thread_is_brief(const struct sp_known_thread *thread, const struct sp_segment *segment);

/* Forgets the threads for which `is_kept` is false. */
void sp_known_threads_keep(struct sp_known_threads *threads,
                           bool (*is_kept)(void *user, const struct sp_known_thread *thread), void *user);

void sp_known_threads_done(struct sp_known_threads *threads);

#endif
