/*
 * gperftools' profiler as a handler to compare with: loaded at run time (libprofiler.so.0), started, its timer stopped,
 * for the samples are forced.
 *
 * Context: benchmarks only; ordinary code of the main thread. The program must end by _exit, or gperftools writes its
 * profile.
 */
#ifndef SIGPROF_BENCH_GPERFTOOLS_H
#define SIGPROF_BENCH_GPERFTOOLS_H

#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

/* What ProfilerGetCurrentState fills in (gperftools/profiler.h). */
struct bench_gperftools_state {
    int enabled;
    time_t start_time;
    char profile_name[1024];
    int samples_gathered;
};

struct bench_gperftools {
    bool is_there;
    struct sigaction action;
    void (*state)(struct bench_gperftools_state *);
};

static inline struct bench_gperftools bench_gperftools_load(void)
{
    struct bench_gperftools loaded = {.is_there = false};
    setenv("CPUPROFILE_FREQUENCY", "1", 1);
    void *library = dlopen("libprofiler.so.0", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return loaded;
    int (*start)(const char *);
    *(void **)&start = dlsym(library, "ProfilerStart");
    *(void **)&loaded.state = dlsym(library, "ProfilerGetCurrentState");
    if (start == NULL || loaded.state == NULL || start("/dev/null") == 0)
        return loaded;
    const struct itimerval never = {0};
    setitimer(ITIMER_PROF, &never, NULL);
    loaded.is_there = sigaction(SIGPROF, NULL, &loaded.action) == 0;
    return loaded;
}

static inline int bench_gperftools_samples(const struct bench_gperftools *gperftools)
{
    struct bench_gperftools_state state = {0};
    gperftools->state(&state);
    return state.samples_gathered;
}

#endif
