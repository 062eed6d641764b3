/*
 * CPU time to be found in a profile, and what the kernel says of it. Work is measured by the thread's own clock: on a
 * loaded machine it takes longer, but not less. All of it may run on raw threads.
 */
#ifndef SIGPROF_TESTS_CPU_WORK_H
#define SIGPROF_TESTS_CPU_WORK_H

#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "raw_thread.h"

enum { WORK_STEPS = 20000, WORK_STACK_BYTES = 64 * 1024 };

/* Some 30 µs. Each function that calls it has a sink of its own, or the compiler would make them one. */
static inline void work_a_little(volatile uint64_t *sink)
{
    uint64_t x = *sink | 1;
    for (int i = 0; i < WORK_STEPS; i++)
        x = x * 6364136223846793005u + 1442695040888963407u;
    *sink = x;
}

static inline void work_cpu_ns(int64_t ns, volatile uint64_t *sink)
{
    for (const int64_t until_ns = raw_thread_cpu_ns() + ns; raw_thread_cpu_ns() < until_ns;)
        work_a_little(sink);
}

/* A thread, for the test to compare with the profile's labels. It fills in the second group at its end. */
struct worker {
    const char *name;

    int tid;
    int64_t used_ns;
};

static inline void worker_begin(struct worker *worker)
{
    worker->tid = (int)raw_call(SYS_gettid, 0, 0, 0);
    raw_call(SYS_prctl, PR_SET_NAME, (long)(uintptr_t)worker->name, 0);
}

static inline void worker_end(struct worker *worker)
{
    worker->used_ns = raw_thread_cpu_ns();
}

static inline void print_worker(const struct worker *worker)
{
    printf("thread tid=%d name=%s used_ns=%lld\n", worker->tid, worker->name, (long long)worker->used_ns);
}

/* User and system time of the process until now. */
static inline void print_rusage(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    const long long user_us = used.ru_utime.tv_sec * 1000000LL + used.ru_utime.tv_usec;
    const long long system_us = used.ru_stime.tv_sec * 1000000LL + used.ru_stime.tv_usec;
    printf("cpu_ns=%lld user_ns=%lld\n", (user_us + system_us) * 1000, user_us * 1000);
}

/* The top of a new stack for a thread without libc; NULL: no memory. */
static inline void *new_stack_top(void)
{
    char *stack = mmap(NULL, WORK_STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    return stack == MAP_FAILED ? NULL : stack + WORK_STACK_BYTES;
}

#endif
