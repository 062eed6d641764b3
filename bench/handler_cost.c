/*
 * What a sample costs in the thread that is sampled: ours, gperftools' and an empty handler, in one program and one
 * run.
 *
 * usage: handler_cost [ROUNDS]
 *
 * One thread with a known stack forces batches of samples (force_signal.h) at several depths. In each round every
 * handler gets a batch, one after the other, so that a change of the machine's speed meets all of them. Printed is one
 * line per round, variant and depth, in ns per sample, signal delivery included; bench_handler.py takes differences and
 * medians:
 *
 *     round VARIANT CALLS FRAMES EMPTY_NS OURS_NS GPERFTOOLS_NS      (-1: not measured)
 *     checked NAME ASKED COUNTED                                     (samples that a profiler says it took)
 *
 * Variants:
 *   same      the stack is known, and like the sample before: added to its record. The usual case of a hot function.
 *   new       no two stacks of a batch are alike: each becomes a record of its own.
 *   unknown   as `same`, but the thread's stack is not known (a raw clone thread): gettid and page probes.
 *   backstop  as `same`, but by the process timer, which finds that the thread has a timer of its own: no sample.
 *   direct    as `same`, but sp_handler_entry is called as a function: what the kernel's way in and out adds.
 *
 * gperftools is loaded at run time (libprofiler.so.0): without it its column stays empty.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

#include "force_signal.h"
#include "gperftools.h"
#include "session/session.h"
#include "session/thread_start.h"

enum { BATCH = 256, GPERFTOOLS_BATCH = 32, DEFAULT_ROUNDS = 200, MAX_DEPTH = 4096 };

static const uint32_t all_calls[] = {1, 10, 30, 60, 120};

struct handlers {
    struct sigaction empty, ours;
    struct bench_gperftools gperftools;
};

struct run {
    const struct handlers *handlers;
    uint32_t rounds;
    struct bench_signal signal;
    ucontext_t context; /* of the last signal, for `direct` */
};

static void empty_handler(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
}

static ucontext_t *kept_context;

static void keep_context(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    memcpy(kept_context, context, sizeof *kept_context);
}

static uint64_t recorded(void)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < sp_handler.segment.geometry.n_shards; i++)
        sum += sp_load_relaxed(&sp_segment_shard(&sp_handler.segment, i)->recorded.deliveries);
    return sum;
}

/* How many records stand in the halves, when all are as deep as the first. */
static uint32_t records_of_one_depth(void)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < sp_handler.segment.geometry.n_shards; i++) {
        const uint32_t used = sp_load_relaxed(&sp_segment_shard(&sp_handler.segment, i)->used[0]);
        if (used != 0)
            sum += used / (SP_RECORD_HEAD_WORDS + sp_record_depth(sp_segment_records(&sp_handler.segment, i, 0)[0]));
    }
    return sum;
}

/* ns per sample of a batch by one handler. `is_new`: each sample with a stack of its own. */
static double time_batch(const struct run *run, const struct sigaction *handler, uint32_t calls, bool is_new,
                         uint32_t n)
{
    sigaction(SIGPROF, handler, NULL);
    if (!is_new) /* both ways in warm, also the record that the others are added to */
        bench_descend(calls, 0, 4, &run->signal);
    const int64_t before = bench_now_ns();
    if (is_new)
        for (uint32_t path = 0; path < n; path++)
            bench_descend(calls, path, 1, &run->signal);
    else
        bench_descend(calls, 0, n, &run->signal);
    return (double)(bench_now_ns() - before) / n;
}

static void measure(const struct run *run, const char *variant, uint32_t calls)
{
    const struct handlers *handlers = run->handlers;
    const bool is_new = strcmp(variant, "new") == 0;
    for (uint32_t round = 0; round < run->rounds; round++) {
        double gperftools = -1;
        bench_clear_halves();
        const double empty = time_batch(run, &handlers->empty, calls, is_new, BATCH);
        const double ours = time_batch(run, &handlers->ours, calls, is_new, BATCH);
        if (handlers->gperftools.is_there && strcmp(variant, "same") == 0)
            gperftools = time_batch(run, &handlers->gperftools.action, calls, false, GPERFTOOLS_BATCH);
        printf("round %s %u %u %.1f %.1f %.1f\n", variant, calls, bench_clear_halves(), empty, ours, gperftools);
    }
}

__attribute__((noinline)) static double time_direct(struct run *run, void (*handler)(int, siginfo_t *, void *))
{
    const int64_t before = bench_now_ns();
    for (uint32_t i = 0; i < BATCH; i++)
        handler(SIGPROF, &run->signal.info, &run->context);
    return (double)(bench_now_ns() - before) / BATCH;
}

/* At the bottom, so that the frames that the kept context points to are still there. */
__attribute__((noinline)) static void descend_direct(struct run *run, uint32_t calls, uint32_t total)
{
    __asm__ volatile("" : "+r"(calls));
    if (calls > 1) {
        descend_direct(run, calls - 1, total);
        __asm__ volatile("# direct" ::: "memory");
        return;
    }
    const struct sigaction keep = {.sa_sigaction = keep_context, .sa_flags = SA_SIGINFO};
    kept_context = &run->context;
    sigaction(SIGPROF, &keep, NULL);
    bench_force(&run->signal);
    for (uint32_t round = 0; round < run->rounds; round++) {
        bench_clear_halves();
        const double empty = time_direct(run, empty_handler);
        const double ours = time_direct(run, sp_handler_entry);
        printf("round direct %u %u %.1f %.1f -1\n", total, bench_clear_halves(), empty, ours);
    }
}

static void check_counts(struct run *run)
{
    const uint64_t before = recorded();
    time_batch(run, &run->handlers->ours, 30, false, 1000);
    printf("checked sigprof 1004 %llu\n", (unsigned long long)(recorded() - before));
    bench_clear_halves();
    time_batch(run, &run->handlers->ours, 30, true, BATCH);
    printf("checked different-stacks %d %u\n", BATCH, records_of_one_depth());
    if (!run->handlers->gperftools.is_there)
        return;
    const int gathered = bench_gperftools_samples(&run->handlers->gperftools);
    time_batch(run, &run->handlers->gperftools.action, 30, false, 1000);
    printf("checked gperftools 1004 %d\n", bench_gperftools_samples(&run->handlers->gperftools) - gathered);
}

static void measure_backstop(struct run *run)
{
    const union sigval own = run->signal.info.si_value;
    run->signal.info.si_value.sival_ptr = (void *)(uintptr_t)sp_cookie(0, sp_handler.generation);
    measure(run, "backstop", 1);
    run->signal.info.si_value = own;
}

static void *measure_all(void *argument)
{
    struct run *run = argument;
    const size_t n = sizeof all_calls / sizeof *all_calls;
    run->signal = bench_signal_of_self();
    if (run->signal.slot == 0)
        return NULL;
    check_counts(run);
    for (size_t i = 0; i < n; i++)
        measure(run, "same", all_calls[i]);
    for (size_t i = 1; i < n; i++) /* one call deep there is only one stack */
        measure(run, "new", all_calls[i]);
    for (size_t i = 0; i < n; i++)
        descend_direct(run, all_calls[i], all_calls[i]);
    measure_backstop(run);
    struct sp_slot *slot = sp_segment_slot(&sp_handler.segment, run->signal.slot);
    sp_store_relaxed(&slot->stack_low, 0u);
    sp_store_relaxed(&slot->stack_high, 0u);
    for (size_t i = 0; i < n; i++)
        measure(run, "unknown", all_calls[i]);
    return run;
}

int main(int argc, char **argv)
{
    /* One sample in 1000 s of CPU time by a real timer: only the forced ones count. */
    const struct sp_session_config config = {.period_ns = 1000000000000, .max_depth = MAX_DEPTH};
    struct handlers handlers = {.empty = {.sa_sigaction = empty_handler, .sa_flags = SA_SIGINFO | SA_RESTART}};
    struct run run = {.handlers = &handlers, .rounds = argc > 1 ? (uint32_t)atoi(argv[1]) : DEFAULT_ROUNDS};
    pthread_t thread;
    void *result = NULL;

    handlers.gperftools = bench_gperftools_load();
    sigfillset(&handlers.empty.sa_mask);
    int error = sp_session_create(&config, NULL);
    if (error == 0)
        error = sp_session_run();
    if (error == 0 && sigaction(SIGPROF, NULL, &handlers.ours) == 0)
        error = sp_session_pthread_create(pthread_create, &thread, NULL, measure_all, &run);
    if (error == 0)
        error = pthread_join(thread, &result);
    if (error != 0 || result == NULL) {
        fprintf(stderr, "handler_cost: no session, or a thread without a timer (error %d)\n", error);
        return 1;
    }
    sigaction(SIGPROF, &handlers.ours, NULL);
    sp_session_stop();
    sp_session_destroy();
    _exit(fflush(stdout) != 0); /* gperftools would write its profile */
}
