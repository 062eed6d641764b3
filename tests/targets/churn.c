/*
 * churn SECONDS: creates and joins 200 threads a second, each of which uses 1 ms of CPU time, while two others burn
 * without pause, three quarters of SECONDS each at least. Prints how many timers and descriptors the process has before
 * and after.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "cpu_work.h"

enum { BURNERS = 2, AT_ONCE = 4, ROUND_MS = 20, ROUNDS_PER_SECOND = 1000 / ROUND_MS, BRIEF_NS = 1000000 };

static volatile uint64_t sinks[2];
static atomic_int is_over, burning;
static int64_t least_ns;

static void *burn(void *unused)
{
    work_a_little(&sinks[0]);
    atomic_fetch_add(&burning, 1);
    while (!atomic_load(&is_over))
        work_a_little(&sinks[0]);
    work_cpu_ns(least_ns - raw_thread_cpu_ns(), &sinks[0]);
    return unused;
}

static void *brief_work(void *unused)
{
    work_cpu_ns(BRIEF_NS, &sinks[1]);
    return unused;
}

static int create_and_join(void)
{
    pthread_t threads[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++)
        if (pthread_create(&threads[i], NULL, brief_work, NULL) != 0)
            return 0;
    for (int i = 0; i < AT_ONCE; i++)
        pthread_join(threads[i], NULL);
    return 1;
}

/* One round each ROUND_MS, or as fast as the load lets it. */
static int churn(int rounds)
{
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (int i = 0; i < rounds; i++) {
        if (!create_and_join())
            return 0;
        next.tv_nsec += ROUND_MS * 1000000;
        next.tv_sec += next.tv_nsec / 1000000000;
        next.tv_nsec %= 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
    return 1;
}

static int count_descriptors(void)
{
    int n = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (directory != NULL && readdir(directory) != NULL)
        n++;
    if (directory != NULL)
        closedir(directory);
    return n;
}

/* -1: this kernel does not tell (no CONFIG_CHECKPOINT_RESTORE). */
static int count_timers(void)
{
    char line[256];
    int n = 0;
    FILE *file = fopen("/proc/self/timers", "re");
    if (file == NULL)
        return -1;
    while (fgets(line, sizeof line, file) != NULL)
        n += strncmp(line, "ID:", 3) == 0;
    fclose(file);
    return n;
}

static void print_held(const char *when)
{
    printf("timers_%s=%d fds_%s=%d\n", when, count_timers(), when, count_descriptors());
}

int main(int argc, char **argv)
{
    pthread_t burners[BURNERS];
    if (argc != 2)
        return 2;
    least_ns = atoll(argv[1]) * 750000000;
    for (int i = 0; i < BURNERS; i++)
        if (pthread_create(&burners[i], NULL, burn, NULL) != 0)
            return 1;
    while (atomic_load(&burning) < BURNERS)
        ;
    print_held("before");
    if (!churn(atoi(argv[1]) * ROUNDS_PER_SECOND))
        return 1;
    print_held("after");
    atomic_store(&is_over, 1);
    for (int i = 0; i < BURNERS; i++)
        pthread_join(burners[i], NULL);
    print_rusage();
    return 0;
}
