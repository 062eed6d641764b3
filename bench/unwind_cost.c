/*
 * What unwinding costs: in the handler, for a frame that is seen for the first time, and beside other unwinders.
 *
 * usage: unwind_cost [ROUNDS]
 *
 * One thread with a known stack makes deep stacks of many different functions (deep_calls.h), half of them in a
 * library, once compiled without frame pointers and once with. Everything takes turns, batch by batch. bench_unwind.py
 * makes differences, ratios and medians of what is printed:
 *
 *     handler KIND DEPTH FRAMES EMPTY OURS GPERFTOOLS   per forced sample, delivery included (-1: not measured)
 *     direct KIND DEPTH NAME FRAMES TIME                per walk by a call, outside of a handler
 *     cold KIND FRAMES WARM CLEARED NONE MISSED         per walk: cache warm, cleared before, and none; and how many
 *                                                       rules are not in the cache when it is warm
 *     first KIND FRAMES TIME                            the first walk of a stack in this process
 *     memory NAME BYTES
 *     checked NAME ASKED COUNTED                        samples that a profiler says it took
 *
 * Times are in ns. KIND is `without` or `with` frame pointers, DEPTH the frames that there are, FRAMES those found.
 * Other unwinders: libunwind (libunwind.so.8, loaded at run time), by unw_backtrace, which starts where it is called,
 * and on x86-64 by unw_step, as profilers use it, which start at what a signal interrupted; glibc's backtrace; and
 * libgcc's _Unwind_Backtrace.
 */
#include <execinfo.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <unwind.h>

#include "deep_calls.h"
#include "force_signal.h"
#include "gperftools.h"
#include "handler/unwind.h"
#include "session/session.h"
#include "session/thread_start.h"

enum {
    BATCH = 256,
    SLOW_BATCH = 32, /* of gperftools' samples and others' walks */
    DEFAULT_ROUNDS = 200,
    MAX_DEPTH = 4096,
    COLD_CALLS = 500, /* nearly all functions of the two tables */
};

/* Frames of a stack, and how many of them are not of the chain: the bottom, and what leads to the chain. */
static const uint32_t all_depths[] = {15, 30, 60, 120};
enum { OTHER_FRAMES = 6 };

struct kind {
    const char *name;
    deep_function *const *here, *const *there;
};

static const struct kind kinds[] = {
    {"without", deep_here_without, deep_there_without},
    {"with", deep_here_with, deep_there_with},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* Of libunwind: all NULL where it is not there. A cursor has 127 words, a context is a ucontext_t (libunwind.h). */
struct libunwind {
    int (*unw_backtrace)(void **, int);
    int (*init_local)(void *cursor, void *context);
    int (*step)(void *cursor);
    int (*get_reg)(void *cursor, int number, uint64_t *value);
};
enum { LIBUNWIND_CURSOR_WORDS = 127, LIBUNWIND_IP = 16 };

struct run {
    uint32_t rounds;
    struct sigaction empty, ours;
    struct bench_gperftools gperftools;
    struct libunwind libunwind;
    struct bench_signal signal;
    struct sp_stack_bounds stack; /* of the thread */
    const struct kind *kind;      /* of the stack at hand */
    uint32_t depth;
};

static void empty_handler(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
}

/* Handlers, by forced samples: at the bottom of a stack. */

/* Inlined, so that it is no frame. */
__attribute__((always_inline)) static inline double time_samples(const struct run *run, const struct sigaction *handler,
                                                                 uint32_t n)
{
    sigaction(SIGPROF, handler, NULL);
    for (uint32_t i = 0; i < 4; i++) /* both ways in warm, also the record that the others are added to */
        bench_force(&run->signal);
    const int64_t before = bench_now_ns();
    for (uint32_t i = 0; i < n; i++)
        bench_force(&run->signal);
    return (double)(bench_now_ns() - before) / n;
}

static void measure_handlers(void *user)
{
    const struct run *run = user;
    for (uint32_t round = 0; round < run->rounds; round++) {
        double gperftools = -1;
        bench_clear_halves();
        const double empty = time_samples(run, &run->empty, BATCH);
        const double ours = time_samples(run, &run->ours, BATCH);
        if (run->gperftools.is_there)
            gperftools = time_samples(run, &run->gperftools.action, SLOW_BATCH);
        printf("handler %s %u %u %.1f %.1f %.1f\n", run->kind->name, run->depth, bench_clear_halves(), empty, ours,
               gperftools);
    }
}

static void check_counts(void *user)
{
    const struct run *run = user;
    if (!run->gperftools.is_there)
        return;
    const int gathered = bench_gperftools_samples(&run->gperftools);
    time_samples(run, &run->gperftools.action, 1000);
    printf("checked gperftools 1004 %d\n", bench_gperftools_samples(&run->gperftools) - gathered);
}

/* Unwinders, called as functions: each returns the number of frames. */

struct walk {
    const struct run *run;
    ucontext_t context;
    void *frames[MAX_DEPTH];
    uint64_t pcs[MAX_DEPTH];
    struct sp_walk_facts facts; /* of our last walk */
};

static uint32_t walk_by_us(struct walk *walk)
{
    return sp_unwind(&walk->context, &walk->run->stack, sp_segment_unwind(&sp_handler.segment), walk->pcs, MAX_DEPTH,
                     &walk->facts);
}

static uint32_t walk_without_cache(struct walk *walk)
{
    return sp_unwind(&walk->context, &walk->run->stack, NULL, walk->pcs, MAX_DEPTH, &walk->facts);
}

static uint32_t walk_by_unw_backtrace(struct walk *walk)
{
    return (uint32_t)walk->run->libunwind.unw_backtrace(walk->frames, MAX_DEPTH);
}

static uint32_t walk_by_unw_step(struct walk *walk)
{
    const struct libunwind *libunwind = &walk->run->libunwind;
    uint64_t cursor[LIBUNWIND_CURSOR_WORDS];
    uint32_t n = 0;
    if (libunwind->init_local(cursor, &walk->context) != 0)
        return 0;
    do
        libunwind->get_reg(cursor, LIBUNWIND_IP, &walk->pcs[n++]);
    while (n < MAX_DEPTH && libunwind->step(cursor) > 0);
    return n;
}

static uint32_t walk_by_glibc(struct walk *walk)
{
    return (uint32_t)backtrace(walk->frames, MAX_DEPTH);
}

static _Unwind_Reason_Code take_frame(struct _Unwind_Context *context, void *user)
{
    uint64_t **next = user;
    *(*next)++ = _Unwind_GetIP(context);
    return _URC_NO_REASON;
}

static uint32_t walk_by_libgcc(struct walk *walk)
{
    uint64_t *next = walk->pcs;
    _Unwind_Backtrace(take_frame, &next);
    return (uint32_t)(next - walk->pcs);
}

static const struct {
    const char *name;
    uint32_t (*walk)(struct walk *);
    uint32_t batch;
} walkers[] = {
    {"sp_unwind", walk_by_us, BATCH},
    {"unw_step", walk_by_unw_step, SLOW_BATCH},
    {"unw_backtrace", walk_by_unw_backtrace, SLOW_BATCH},
    {"backtrace", walk_by_glibc, SLOW_BATCH},
    {"_Unwind_Backtrace", walk_by_libgcc, SLOW_BATCH},
};

static bool is_there(const struct libunwind *libunwind, uint32_t (*walk)(struct walk *))
{
    if (walk == walk_by_unw_step)
        return libunwind->init_local != NULL && libunwind->step != NULL && libunwind->get_reg != NULL;
    return walk != walk_by_unw_backtrace || libunwind->unw_backtrace != NULL;
}

static double time_walk(struct walk *walk, uint32_t (*function)(struct walk *), uint32_t n)
{
    const int64_t before = bench_now_ns();
    for (uint32_t i = 0; i < n; i++)
        function(walk);
    return (double)(bench_now_ns() - before) / n;
}

/* The context is that of this function, which does not return before the walks are made. */
static void measure_walks(void *user)
{
    static struct walk walk;
    walk.run = user;
    getcontext(&walk.context);
    for (uint32_t round = 0; round < walk.run->rounds; round++)
        for (size_t i = 0; i < sizeof walkers / sizeof *walkers; i++) {
            if (!is_there(&walk.run->libunwind, walkers[i].walk))
                continue;
            const uint32_t frames = walkers[i].walk(&walk); /* warm */
            printf("direct %s %u %s %u %.1f\n", walk.run->kind->name, walk.run->depth, walkers[i].name, frames,
                   time_walk(&walk, walkers[i].walk, walkers[i].batch));
        }
}

static void clear_rules(void)
{
    struct sp_unwind_memory *memory = sp_segment_unwind(&sp_handler.segment);
    for (size_t i = 0; i < sizeof memory->rules / sizeof *memory->rules; i++)
        sp_store_relaxed(&memory->rules[i], (uint64_t)0);
}

static void measure_cold(void *user)
{
    static struct walk walk;
    walk.run = user;
    getcontext(&walk.context);
    const int64_t before = bench_now_ns();
    const uint32_t frames = walk_by_us(&walk);
    printf("first %s %u %.1f\n", walk.run->kind->name, frames, (double)(bench_now_ns() - before));
    for (uint32_t round = 0; round < walk.run->rounds; round++) {
        clear_rules();
        const double cleared = time_walk(&walk, walk_by_us, 1);
        const double warm = time_walk(&walk, walk_by_us, SLOW_BATCH);
        const uint32_t missed = walk.facts.misses;
        printf("cold %s %u %.1f %.1f %.1f %u\n", walk.run->kind->name, frames, warm, cleared,
               time_walk(&walk, walk_without_cache, 1), missed);
    }
}

static void measure_kind(struct run *run, const struct kind *kind)
{
    run->kind = kind;
    deep_call(kind->here, kind->there, COLD_CALLS, measure_cold, run); /* before anything else has walked there */
    deep_call(kind->here, kind->there, 30, check_counts, run);
    for (size_t i = 0; i < sizeof all_depths / sizeof *all_depths; i++) {
        run->depth = all_depths[i];
        deep_call(kind->here, kind->there, run->depth - OTHER_FRAMES, measure_handlers, run);
        deep_call(kind->here, kind->there, run->depth - OTHER_FRAMES, measure_walks, run);
    }
}

static void *measure_all(void *argument)
{
    struct run *run = argument;
    run->signal = bench_signal_of_self();
    if (run->signal.slot == 0)
        return NULL;
    const struct sp_slot *slot = sp_segment_slot(&sp_handler.segment, run->signal.slot);
    run->stack = (struct sp_stack_bounds){sp_load_relaxed(&slot->stack_low), sp_load_relaxed(&slot->stack_high)};
    for (size_t i = 0; i < KINDS; i++)
        measure_kind(run, &kinds[i]);
    return run;
}

static struct libunwind load_libunwind(void)
{
    struct libunwind loaded = {NULL};
    void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return loaded;
    *(void **)&loaded.unw_backtrace = dlsym(library, "unw_backtrace");
#if defined(__x86_64__)
    *(void **)&loaded.init_local = dlsym(library, "_ULx86_64_init_local");
    *(void **)&loaded.step = dlsym(library, "_ULx86_64_step");
    *(void **)&loaded.get_reg = dlsym(library, "_ULx86_64_get_reg");
#endif
    return loaded;
}

int main(int argc, char **argv)
{
    /* One sample in 1000 s of CPU time by a real timer: only the forced ones count. */
    const struct sp_session_config config = {.period_ns = 1000000000000, .max_depth = MAX_DEPTH};
    struct run run = {.rounds = argc > 1 ? (uint32_t)atoi(argv[1]) : DEFAULT_ROUNDS,
                      .empty = {.sa_sigaction = empty_handler, .sa_flags = SA_SIGINFO | SA_RESTART}};
    pthread_t thread;
    void *result = NULL;

    run.gperftools = bench_gperftools_load();
    run.libunwind = load_libunwind();
    sigfillset(&run.empty.sa_mask);
    printf("memory unwind %zu\n", sizeof(struct sp_unwind_memory));
    int error = sp_session_create(&config, NULL);
    if (error == 0)
        error = sp_session_run();
    if (error == 0 && sigaction(SIGPROF, NULL, &run.ours) == 0)
        error = sp_session_pthread_create(pthread_create, &thread, NULL, measure_all, &run);
    if (error == 0)
        error = pthread_join(thread, &result);
    if (error != 0 || result == NULL) {
        fprintf(stderr, "unwind_cost: no session, or a thread without a timer (error %d)\n", error);
        return 1;
    }
    sigaction(SIGPROF, &run.ours, NULL);
    sp_session_stop();
    sp_session_destroy();
    _exit(fflush(stdout) != 0); /* gperftools would write its profile */
}
