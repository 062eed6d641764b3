/*
 * What the programs that test the library share: a check that ends the program, CPU time to burn, a look at what the
 * process holds. They are plain programs, not cmocka tests, because threads and children of theirs check things too.
 */
#ifndef SIGPROF_TESTS_REQUIRE_H
#define SIGPROF_TESTS_REQUIRE_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define require(condition) \
    ((condition) ? (void)0 \
                 : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), fflush(stderr), _Exit(1)))

#define require_equal(a, b)                                                                                 \
    do {                                                                                                    \
        const long long left = (long long)(a), right = (long long)(b);                                      \
        if (left != right) {                                                                                \
            fprintf(stderr, "%s:%d: %s is %lld, not %s = %lld\n", __FILE__, __LINE__, #a, left, #b, right); \
            fflush(stderr);                                                                                 \
            _Exit(1);                                                                                       \
        }                                                                                                   \
    } while (0)

enum { EXIT_SKIP = 77 };

static inline double thread_cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Uses that much CPU time of this thread, however long it takes. */
__attribute__((noinline, unused)) static void burn(double seconds)
{
    for (const double until = thread_cpu_seconds() + seconds; thread_cpu_seconds() < until;)
        for (volatile uint32_t i = 0; i < 100000; i++)
            ;
}

/* Lines of a file that contain `word`; -1: it cannot be read. */
static inline int count_lines(const char *path, const char *word)
{
    char line[4200];
    int n = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -1;
    while (fgets(line, sizeof line, file) != NULL)
        n += strstr(line, word) != NULL;
    fclose(file);
    return n;
}

/* POSIX timers of the process; -1: this kernel does not tell (no CONFIG_CHECKPOINT_RESTORE). */
static inline int count_timers(void)
{
    return count_lines("/proc/self/timers", "ID:");
}

static inline int count_mappings(void)
{
    return count_lines("/proc/self/maps", "-");
}

static inline int count_entries(const char *path)
{
    int n = 0;
    DIR *directory = opendir(path);
    require(directory != NULL);
    while (readdir(directory) != NULL)
        n++;
    closedir(directory);
    return n;
}

#endif
