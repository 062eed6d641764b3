/*
 * brief_threads HOW COUNT US: COUNT threads one after the other, each of which uses US of CPU time and ends.
 *
 * HOW: pthread, or clone (libc's clone()). Prints what the threads have used, by their own clocks, and the process.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu_work.h"

static volatile uint64_t sink;
static int64_t wanted_ns, used_ns;
static atomic_int alive;

__attribute__((noinline)) static void brief_work(void)
{
    work_cpu_ns(wanted_ns, &sink);
}

static void *run_pthread(void *unused)
{
    brief_work();
    used_ns += raw_thread_cpu_ns(); /* one at a time: no lock */
    return unused;
}

static int run_clone(void *unused)
{
    (void)unused;
    brief_work();
    used_ns += raw_thread_cpu_ns();
    return 0;
}

static int by_pthread(void)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, run_pthread, NULL) == 0 && pthread_join(thread, NULL) == 0;
}

/* The kernel clears `alive` and wakes who waits when the thread is gone, so one stack does for all of them. */
static int by_clone(void)
{
    static void *top;
    const int flags =
        CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID;
    top = top != NULL ? top : new_stack_top();
    atomic_store(&alive, 1);
    if (top == NULL || clone(run_clone, top, flags, NULL, NULL, NULL, &alive) < 0)
        return 0;
    while (atomic_load(&alive) != 0)
        syscall(SYS_futex, &alive, FUTEX_WAIT, 1, NULL);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    int (*const run)(void) = strcmp(argv[1], "clone") == 0 ? by_clone : by_pthread;
    const int count = atoi(argv[2]);
    wanted_ns = atoll(argv[3]) * 1000;
    for (int i = 0; i < count; i++)
        if (!run())
            return 1;
    printf("threads_ns=%lld\n", (long long)used_ns);
    print_rusage();
    return 0;
}
