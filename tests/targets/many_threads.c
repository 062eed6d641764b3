/*
 * many_threads BUSY SLEEPING CPU_MS: BUSY threads use CPU_MS each, in busy_work, while SLEEPING others wait. Then it
 * prints what each has used and "ready", keeps all the sleepers until its standard input ends, and prints what the
 * process has used.
 *
 * Exits with 77 where the system does not let it have so many threads.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu_work.h"

enum { EXIT_SKIP = 77, NAME_BYTES = 16 };

struct busy {
    struct worker worker;
    char name[NAME_BYTES];
    pthread_t thread;
};

static volatile uint64_t sink;
static int64_t wanted_ns;
static int gate[2]; /* a pipe: sleepers read until it is closed */

__attribute__((noinline)) static void busy_work(void)
{
    work_cpu_ns(wanted_ns, &sink);
}

static void *run_busy(void *argument)
{
    struct busy *busy = argument;
    worker_begin(&busy->worker);
    busy_work();
    worker_end(&busy->worker);
    return NULL;
}

static void *run_sleeper(void *unused)
{
    char byte;
    if (read(gate[0], &byte, 1) != 0)
        abort(); /* no signal of a profiler may end it (EINTR) */
    return unused;
}

static void start(pthread_t *thread, void *(*run)(void *), void *argument)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, WORK_STACK_BYTES);
    const int error = pthread_create(thread, &attributes, run, argument);
    pthread_attr_destroy(&attributes);
    if (error == 0)
        return;
    printf("refused: %s\n", strerror(error));
    fflush(stdout);
    _exit(EXIT_SKIP);
}

static void run_all_busy(struct busy *all, int n)
{
    for (int i = 0; i < n; i++) {
        snprintf(all[i].name, sizeof all[i].name, "busy-%d", i);
        all[i].worker.name = all[i].name;
        start(&all[i].thread, run_busy, &all[i]);
    }
    for (int i = 0; i < n; i++)
        pthread_join(all[i].thread, NULL);
    for (int i = 0; i < n; i++)
        print_worker(&all[i].worker);
}

static void wait_for_end_of_input(void)
{
    char byte;
    puts("ready");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
}

int main(int argc, char **argv)
{
    if (argc != 4 || pipe(gate) != 0)
        return 2;
    const int n_busy = atoi(argv[1]), n_sleepers = atoi(argv[2]);
    struct busy *all_busy = calloc((size_t)n_busy + 1, sizeof *all_busy);
    pthread_t *sleepers = calloc((size_t)n_sleepers + 1, sizeof *sleepers);
    wanted_ns = atoll(argv[3]) * 1000000;
    for (int i = 0; i < n_sleepers; i++)
        start(&sleepers[i], run_sleeper, NULL);
    run_all_busy(all_busy, n_busy);
    wait_for_end_of_input();
    close(gate[1]);
    for (int i = 0; i < n_sleepers; i++)
        pthread_join(sleepers[i], NULL);
    print_rusage();
    free(sleepers);
    free(all_busy);
    return 0;
}
