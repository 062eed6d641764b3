/*
 * A library of the host whose constructor, before the profiler's, starts threads that use CPU time in early_work: one
 * by pthread_create, one by the bare system call.
 */
#include "early_library.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "cpu_work.h"

enum { THREADS = 2, EACH_NS = 500000000 };

static volatile uint64_t sink;
static atomic_int ended;
static struct worker workers[THREADS] = {{.name = "early-pthread"}, {.name = "early-raw"}};

__attribute__((noinline)) static void early_work(void)
{
    work_cpu_ns(EACH_NS, &sink);
}

static void run(void *argument)
{
    struct worker *worker = argument;
    worker_begin(worker);
    early_work();
    worker_end(worker);
    atomic_fetch_add(&ended, 1);
}

static void *run_pthread(void *argument)
{
    run(argument);
    return NULL;
}

__attribute__((constructor)) static void begin(void)
{
    const unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    void *top = new_stack_top();
    pthread_t thread;
    if (top == NULL || raw_clone(flags, top, run, &workers[1]) < 0 ||
        pthread_create(&thread, NULL, run_pthread, &workers[0]) != 0 || pthread_detach(thread) != 0)
        _exit(1);
}

void early_wait(void)
{
    while (atomic_load(&ended) < THREADS)
        usleep(2000);
    for (int i = 0; i < THREADS; i++)
        print_worker(&workers[i]);
}
