/*
 * What the environment says of profiling: gperftools' variables, and one of ours.
 *
 *   CPUPROFILE=FILE              profile from load to exit, into FILE; a child process's is FILE_PID
 *   CPUPROFILE_USE_PID=1         this process is a child in that sense
 *   CPUPROFILESIGNAL=N           not from load on: signal N begins FILE.0, ends it, begins FILE.1, ends it, ...
 *   CPUPROFILE_FREQUENCY=HZ      samples per second of CPU time of a thread
 *   CPUPROFILE_REALTIME          (any value) samples by the clock on the wall, which there are none of yet
 *   CPUPROFILE_TIMER_SIGNAL=N    another signal than SIGPROF: not heeded
 *   CPUPROFILE_PER_THREAD_TIMERS each thread has a timer of its own: always so
 *   SIGPROF_FORMAT=pprof|legacy  the format of the file
 *
 * Place: gperftools. Context: ordinary code. It is read once, when the library is loaded, as gperftools does.
 */
#ifndef SIGPROF_GPERFTOOLS_ENVIRONMENT_H
#define SIGPROF_GPERFTOOLS_ENVIRONMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/formats.h"

struct sp_profiler_environment {
    char *path; /* of this process's profile; NULL: none is asked for */
    uint32_t rate_hz;
    bool is_realtime;
    bool is_privileged;        /* setuid: nothing but the rate and the format is heeded */
    const char *switch_signal; /* the text of CPUPROFILESIGNAL; NULL: none */
    const struct sp_format *format;
};

/* Reads it at the first call, and tells children that they are such. Any thread. */
struct sp_profiler_environment *sp_profiler_environment(void);

/* What was not understood, or is not heeded: a line each on stderr. At the first call only. */
void sp_profiler_environment_complain(void);

/* A forked child's profile is not its parent's. The child's only thread. */
void sp_profiler_environment_in_child(void);

/* A line on stderr. */
__attribute__((format(printf, 1, 2))) void sp_profiler_complain(const char *format, ...);

#endif
