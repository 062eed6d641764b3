/*
 * What makes a sample due, with a handler that takes none: the floor under the cost of any profiler by signals.
 *
 * Place: benchmarks only. Context: ordinary code, of the thread that gets the signals.
 */
#ifndef SIGPROF_BENCH_EMPTY_TRIGGER_H
#define SIGPROF_BENCH_EMPTY_TRIGGER_H

#include <stdint.h>

/*
 * From now on the calling thread gets a SIGPROF after each `period_ns` of its CPU time, by `kind`: "timer", a timer on
 * its CPU clock, or "perf", a task-clock event of its user code. Both as sigprof sets them, and until the process ends.
 * Returns 0, or -errno; -EINVAL for another kind.
 */
int empty_trigger_start(const char *kind, int64_t period_ns);

/* How many signals came. */
uint64_t empty_trigger_signals(void);

#endif
