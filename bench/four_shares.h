/*
 * The load of the benchmark `shares`: four threads that use 40, 30, 20 and 10 % of a given CPU time.
 *
 * Place: benchmarks only; a C program and a Go program burn by it, so that they burn alike. Context: any thread.
 */
#ifndef SIGPROF_BENCH_FOUR_SHARES_H
#define SIGPROF_BENCH_FOUR_SHARES_H

#include <stdint.h>

/*
 * Makes the threads by pthread_create, each with its own function (burn_40, burn_30, burn_20, burn_10) that runs until
 * the thread's CPU clock has reached its share, and waits for them. Prints what the kernel says in ns, a line each:
 * "burn_40 N" and so on, and "process N" of the whole process. Each thread first calls `at_start`, where it is not
 * NULL. Returns 0, or an errno of pthread_create.
 */
int burn_four_shares(int64_t cpu_ns, void (*at_start)(void));

#endif
