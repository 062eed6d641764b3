/*
 * shares MODE CPU_MS: four threads use 40, 30, 20 and 10 % of CPU_MS, all at once, each in a function of its own.
 *
 * MODE: how the threads come to be. pthread; clone (libc's clone()); raw (the bare system call); mixed (the first is
 * the main thread, the others one of each). Prints tid, name and CPU time of each, and the process's.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu_work.h"

enum { SHARES = 4 };
enum { THREAD_FLAGS = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM };

static volatile uint64_t sinks[SHARES];
static int64_t percent_ns;
static atomic_int ended;

__attribute__((noinline)) static void spin_40(void)
{
    work_cpu_ns(40 * percent_ns, &sinks[0]);
}

__attribute__((noinline)) static void spin_30(void)
{
    work_cpu_ns(30 * percent_ns, &sinks[1]);
}

__attribute__((noinline)) static void spin_20(void)
{
    work_cpu_ns(20 * percent_ns, &sinks[2]);
}

__attribute__((noinline)) static void spin_10(void)
{
    work_cpu_ns(10 * percent_ns, &sinks[3]);
}

static struct share {
    struct worker worker;
    void (*spin)(void);
} shares[SHARES] = {{{.name = "share-40"}, spin_40},
                    {{.name = "share-30"}, spin_30},
                    {{.name = "share-20"}, spin_20},
                    {{.name = "share-10"}, spin_10}};

static void run_share(void *argument)
{
    struct share *share = argument;
    worker_begin(&share->worker);
    share->spin();
    worker_end(&share->worker);
    atomic_fetch_add(&ended, 1);
}

static void *run_pthread(void *share)
{
    run_share(share);
    return NULL;
}

static int run_clone(void *share)
{
    run_share(share);
    return 0;
}

static int start_pthread(struct share *share)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, run_pthread, share) == 0 && pthread_detach(thread) == 0;
}

static int start_clone(struct share *share)
{
    void *top = new_stack_top();
    return top != NULL && clone(run_clone, top, THREAD_FLAGS, share) > 0;
}

static int start_raw(struct share *share)
{
    void *top = new_stack_top();
    return top != NULL && raw_clone(THREAD_FLAGS, top, run_share, share) > 0;
}

static const struct mode {
    const char *name;
    int (*start[SHARES])(struct share *); /* NULL: on the main thread */
} modes[] = {{"pthread", {start_pthread, start_pthread, start_pthread, start_pthread}},
             {"clone", {start_clone, start_clone, start_clone, start_clone}},
             {"raw", {start_raw, start_raw, start_raw, start_raw}},
             {"mixed", {NULL, start_pthread, start_clone, start_raw}}};

static const struct mode *find_mode(const char *name)
{
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    exit(2);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    const struct mode *mode = find_mode(argv[1]);
    percent_ns = atoll(argv[2]) * 10000;
    for (int i = SHARES - 1; i >= 0; i--) /* the main thread's last */
        if (mode->start[i] == NULL)
            run_share(&shares[i]);
        else if (!mode->start[i](&shares[i]))
            return 1;
    while (atomic_load(&ended) < SHARES)
        usleep(2000);
    for (int i = 0; i < SHARES; i++)
        print_worker(&shares[i].worker);
    print_rusage();
    return 0;
}
