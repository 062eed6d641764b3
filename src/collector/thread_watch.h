/*
 * The look at a process's threads from outside: which there are, what CPU time the kernel accounts to each, and why
 * samples stay behind where they do.
 *
 * Place: collector, beside the drain. The segment tells what was sampled; what was not can be seen here only: a thread
 * that blocks SIGPROF never writes a record. Context: ordinary code, one thread at a time.
 *
 * A look costs some microseconds for each thread, so it is made when there is reason to: once a second, and at once
 * when the process's CPU clock runs ahead of its samples. Where there are many threads and no such reason, only some
 * of them are looked at each time.
 */
#ifndef SIGPROF_COLLECTOR_THREAD_WATCH_H
#define SIGPROF_COLLECTOR_THREAD_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector/known_threads.h"
#include "collector/proc_files.h"
#include "handler/segment.h"
#include "profile/profile.h"

/* A process as it is looked at. */
struct sp_watched {
    const struct sp_segment *segment;
    pid_t pid;
    struct sp_known_threads *threads;
    struct sp_profile *profile; /* of the names */
    uint64_t accounted_ns;      /* CPU time that samples stand for, lost ones too */
    int64_t now_ns;             /* CLOCK_MONOTONIC */
};

/* What is kept from look to look; zeros at first. */
struct sp_thread_watch {
    int64_t looked_ns;                   /* CLOCK_MONOTONIC; 0: not yet */
    uint64_t clock_ns;                   /* the process's CPU clock at its last reading */
    uint64_t then_ns, then_accounted_ns; /* that clock, and the samples, at the last look at all threads */
    struct sp_tids tids;                 /* of the last look */
    size_t turn;                         /* where in tids the next look at some goes on */
};

/* The watch begins. */
void sp_thread_watch_start(struct sp_thread_watch *watch, pid_t pid);

/*
 * Looks, where there is reason to. Threads without a slot are written to the segment for the target to arm, and slots
 * without a thread, for it to free. `is_last`: sampling is about to end, all threads are looked at.
 * Returns whether threads were looked at.
 */
bool sp_thread_watch_look(struct sp_thread_watch *watch, const struct sp_watched *process, bool is_last);

/* More of a thread's CPU time than this is not explained by the way it is sampled. */
uint64_t sp_gap_limit_ns(const struct sp_segment *segment, uint64_t kernel_ns);

void sp_thread_watch_done(struct sp_thread_watch *watch);

#endif
