/*
 * blocker CPU_MS: three equal threads, each of which uses CPU_MS. One of them, "shut", blocks SIGPROF first.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cpu_work.h"

enum { THREADS = 3 };

static volatile uint64_t sink;
static int64_t wanted_ns;
static struct worker workers[THREADS] = {{.name = "open-1"}, {.name = "open-2"}, {.name = "shut"}};

__attribute__((noinline)) static void equal_work(void)
{
    work_cpu_ns(wanted_ns, &sink);
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, SIGPROF);
    worker_begin(worker);
    if (strcmp(worker->name, "shut") == 0)
        pthread_sigmask(SIG_BLOCK, &only, NULL);
    equal_work();
    worker_end(worker);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    if (argc != 2)
        return 2;
    wanted_ns = atoll(argv[1]) * 1000000;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, run, &workers[i]) != 0)
            return 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        print_worker(&workers[i]);
    print_rusage();
    return 0;
}
