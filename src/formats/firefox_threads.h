/*
 * The threads of a profile, by the labels of its samples: "thread" (a name), "tid", "pid" and "process" (a name), as
 * sigprof writes them. Samples without any are one thread's.
 *
 * Place on the way of a sample: under the writer of Firefox's format. Context: ordinary code.
 */
#ifndef SIGPROF_FORMATS_FIREFOX_THREADS_H
#define SIGPROF_FORMATS_FIREFOX_THREADS_H

#include "profile/profile.h"

struct sp_firefox_thread {
    uint32_t name, process; /* strings; 0 is not known */
    int64_t pid, tid;       /* 0 is not known */
    size_t first, n;        /* its samples: order[first .. first + n) */
};

/* Zero-initialised is empty; sp_firefox_threads_done frees. */
struct sp_firefox_threads {
    struct sp_firefox_thread *at; /* as they were met first */
    size_t n, room;
    uint32_t *order; /* samples, thread by thread, and as they stand in the profile */
};

/* 0 or -ENOMEM; the profile has to pass sp_profile_check. */
int sp_firefox_threads_init(struct sp_firefox_threads *threads, const struct sp_profile *profile);
void sp_firefox_threads_done(struct sp_firefox_threads *threads);

#endif
