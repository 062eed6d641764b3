/*
 * Who a record's thread was.
 *
 * Place: collector. Context: ordinary code, one thread at a time.
 */
#ifndef SIGPROF_COLLECTOR_THREAD_NAMES_H
#define SIGPROF_COLLECTOR_THREAD_NAMES_H

#include <stdint.h>
#include <sys/types.h>

#include "handler/segment.h"
#include "profile/profile.h"

/* A thread: its tid, and the slot and generation that tell it from another thread of the same tid. */
struct sp_thread_key {
    int32_t tid;
    uint64_t slot_generation; /* a record's word 1 */
};

struct sp_known_thread {
    struct sp_thread_key key;
    uint32_t name;    /* string of the profile */
    int64_t asked_ns; /* when the name was read, CLOCK_MONOTONIC */
};

struct sp_thread_names {
    SP_ARRAY(struct sp_known_thread) known;
    uint32_t *table; /* open addressing: position in known + 1, or 0; table_size entries, a power of 2 */
    size_t table_size;
};

/*
 * The name of a thread of process `pid`, as a string of the profile: read from the slot when the thread has ended, else
 * from /proc, at most once a second; "" when neither knows. `*is_new` tells whether it is the first time.
 */
uint32_t sp_thread_name(struct sp_thread_names *names, const struct sp_segment *segment, pid_t pid,
                        struct sp_thread_key key, int64_t now_ns, struct sp_profile *profile, bool *is_new);

void sp_thread_names_done(struct sp_thread_names *names);

#endif
