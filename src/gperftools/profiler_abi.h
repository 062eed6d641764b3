/*
 * The interface of gperftools' libprofiler, as programs that were built with its header <gperftools/profiler.h> see it.
 *
 * The declarations of that header that make its binary interface; its own text says what each means, docs/gperftools.md
 * what is different here. Programs include gperftools' header, not this one.
 */
#ifndef SIGPROF_GPERFTOOLS_PROFILER_ABI_H
#define SIGPROF_GPERFTOOLS_PROFILER_ABI_H

#include <time.h>

/* Asked on the interrupted thread, in the signal handler: 0 refuses the sample. */
struct ProfilerOptions {
    int (*filter_in_thread)(void *argument);
    void *filter_in_thread_arg;
};

struct ProfilerState {
    int enabled;
    time_t start_time;
    char profile_name[1024];
    int samples_gathered;
};

/* 1, or 0: a profile is being made already, its file cannot be written (errno says why), or it cannot be started. */
int ProfilerStart(const char *path);
int ProfilerStartWithOptions(const char *path, const struct ProfilerOptions *options);

void ProfilerStop(void);
void ProfilerFlush(void);
int ProfilingIsEnabledForAllThreads(void);
void ProfilerGetCurrentState(struct ProfilerState *state);

/* These do nothing: all threads are known. */
void ProfilerRegisterThread(void);
void ProfilerEnable(void);
void ProfilerDisable(void);

/* The caller's stack, without its innermost `skip_count` frames; may be called in a signal handler. Its depth. */
int ProfilerGetStackTrace(void **result, int max_depth, int skip_count, const void *context);

#endif
