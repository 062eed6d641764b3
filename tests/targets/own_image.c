/*
 * own_image FILE MS OUT: profiles itself with the library while it calls image_library(MS) of FILE, which is removed,
 * like the program's own file, in the middle; writes the profile to OUT.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "sigprof/sigprof.h"

static volatile uint64_t sink;

__attribute__((noinline)) static void own_spin(int64_t ms)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    const int64_t until = now.tv_sec * 1000 + now.tv_nsec / 1000000 + ms;
    while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < until) {
        for (int i = 0; i < 200000; i++)
            sink = sink * 6364136223846793005u + 1442695040888963407u;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    }
}

static int fail(const char *what)
{
    perror(what);
    return 1;
}

int main(int argc, char **argv)
{
    void (*work)(int64_t) = NULL;
    if (argc != 4)
        return 2;
    const int64_t ms = atoi(argv[2]);
    void *library = dlopen(argv[1], RTLD_NOW);
    if (library != NULL)
        *(void **)&work = dlsym(library, "image_library");
    if (work == NULL)
        return fail(argv[1]);
    if (sigprof_start(NULL) != 0)
        return fail("sigprof_start");
    own_spin(ms);
    work(ms);
    if (unlink(argv[0]) != 0 || unlink(argv[1]) != 0)
        return fail("unlink");
    work(ms);
    if (sigprof_stop() != 0 || sigprof_write_path(argv[3], 0) != 0)
        return fail("sigprof_write_path");
    return 0;
}
