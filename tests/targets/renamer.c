/*
 * renamer names CPU_MS: a thread uses CPU_MS as "first", then CPU_MS as "second".
 * renamer tids CPU_MS: a thread "former" uses CPU_MS and ends; then one with the same tid, "latter", uses twice that.
 *
 * The second asks the kernel for the tid by /proc/sys/kernel/ns_last_pid, which not everybody may; it exits with 77
 * where it does not get it.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cpu_work.h"

enum { EXIT_SKIP = 77, ATTEMPTS = 50 };

static volatile uint64_t sink;
static int64_t unit_ns;
static int wanted_tid; /* 0: any */

__attribute__((noinline)) static void named_work(int64_t ns)
{
    work_cpu_ns(ns, &sink);
}

static void *rename_itself(void *unused)
{
    static struct worker first = {.name = "first"}, second = {.name = "second"};
    worker_begin(&first);
    named_work(unit_ns);
    worker_begin(&second);
    worker_end(&first);
    named_work(unit_ns);
    second.used_ns = raw_thread_cpu_ns() - first.used_ns;
    print_worker(&first);
    print_worker(&second);
    return unused;
}

/* Returns at once when it has not got the wanted tid. */
static void *work_under_tid(void *argument)
{
    struct worker *worker = argument;
    worker->tid = (int)raw_call(SYS_gettid, 0, 0, 0);
    if (wanted_tid != 0 && worker->tid != wanted_tid)
        return NULL;
    worker_begin(worker);
    named_work(wanted_tid == 0 ? unit_ns : 2 * unit_ns);
    worker_end(worker);
    return NULL;
}

static int ask_for_tid(int tid)
{
    FILE *file = fopen("/proc/sys/kernel/ns_last_pid", "we");
    const int is_written = file != NULL && fprintf(file, "%d", tid - 1) > 0;
    return file != NULL && fclose(file) == 0 && is_written;
}

static int run_thread(void *(*run)(void *), struct worker *worker)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, run, worker) == 0 && pthread_join(thread, NULL) == 0;
}

static int reuse_tid(void)
{
    struct worker former = {.name = "former"}, latter = {.name = "latter"};
    if (!run_thread(work_under_tid, &former))
        return 1;
    wanted_tid = former.tid;
    for (int i = 0; i < ATTEMPTS && latter.tid != wanted_tid; i++)
        if (!ask_for_tid(wanted_tid) || !run_thread(work_under_tid, &latter))
            return EXIT_SKIP;
    print_worker(&former);
    print_worker(&latter);
    return latter.tid == wanted_tid ? 0 : EXIT_SKIP;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    unit_ns = atoll(argv[2]) * 1000000;
    const int result = strcmp(argv[1], "tids") == 0 ? reuse_tid() : !run_thread(rename_itself, NULL);
    print_rusage();
    return result;
}
