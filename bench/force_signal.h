/*
 * Samples on demand: a thread queues itself the signal that a timer of its would have sent.
 *
 * Place: benchmarks only. Context: ordinary code of the thread that is to be sampled.
 *
 * rt_tgsigqueueinfo(2) lets a thread send itself a SIGPROF with si_code SI_TIMER and any si_value, so the real handler
 * runs, on the real signal path, exactly when asked: the signal is delivered on the way out of the system call. The
 * call is made in place, not by libc's syscall(), whose frame would not be on the chain of frame pointers.
 */
#ifndef SIGPROF_BENCH_FORCE_SIGNAL_H
#define SIGPROF_BENCH_FORCE_SIGNAL_H

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "handler/entry.h"
#include "handler/raw_calls.h"
#include "handler/threads.h"

/* A signal ready to be sent to one thread. */
struct bench_signal {
    int32_t pid, tid;
    uint32_t slot; /* of the thread; 0 when it has none */
    siginfo_t info;
};

/* For the calling thread, with its own cookie; call it while a session runs, or get slot 0 and an empty cookie. */
static inline struct bench_signal bench_signal_of_self(void)
{
    struct bench_signal made = {.pid = getpid(), .tid = sp_raw_thread_id()};
    made.info.si_signo = SIGPROF;
    made.info.si_code = SI_TIMER;
    if (sp_load_relaxed(&sp_handler.state) != SP_SESSION_RUNNING)
        return made;
    made.slot = sp_segment_find(&sp_handler.segment, made.tid);
    if (made.slot != 0) {
        const struct sp_slot *slot = sp_segment_slot(&sp_handler.segment, made.slot);
        made.info.si_value.sival_ptr = (void *)(uintptr_t)sp_cookie(made.slot, sp_load_relaxed(&slot->generation));
    }
    return made;
}

static inline void bench_force(const struct bench_signal *signal)
{
    sp_syscall4(__NR_rt_tgsigqueueinfo, signal->pid, signal->tid, SIGPROF, (long)(uintptr_t)&signal->info);
}

/*
 * Calls itself `calls` deep, by two call sites that the bits of `path` choose between, and forces `n` samples at the
 * bottom: another path is another stack. Not a tail call, not inlined.
 */
__attribute__((noinline, unused)) static void bench_descend(uint32_t calls, uint32_t path, uint32_t n,
                                                            const struct bench_signal *signal)
{
    __asm__ volatile("" : "+r"(calls));
    if (calls <= 1) {
        for (uint32_t i = 0; i < n; i++)
            bench_force(signal);
        __asm__ volatile("# bottom" ::: "memory");
    } else if ((path & 1) != 0) {
        bench_descend(calls - 1, path >> 1, n, signal);
        __asm__ volatile("# odd" ::: "memory");
    } else {
        bench_descend(calls - 1, path >> 1, n, signal);
        __asm__ volatile("# even" ::: "memory");
    }
}

/* What the collector would do with the halves; there is none here. Returns the depth of a record that was in one. */
static inline uint32_t bench_clear_halves(void)
{
    const struct sp_segment *segment = &sp_handler.segment;
    uint32_t frames = 0;
    for (uint32_t i = 0; i < segment->geometry.n_shards; i++) {
        struct sp_shard *shard = sp_segment_shard(segment, i);
        if (sp_load_relaxed(&shard->used[0]) != 0)
            frames = sp_record_depth(sp_segment_records(segment, i, 0)[0]);
        sp_store_relaxed(&shard->used[0], 0u);
        memset(sp_segment_buckets(segment, i, 0), 0, segment->geometry.n_buckets * SP_BUCKET_WAYS * sizeof(uint64_t));
    }
    return frames;
}

static inline int64_t bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif
