/*
 * What lost_images loads, in two builds: NAME is what the function that burns the CPU time is called.
 */
#include <stdint.h>
#include <time.h>

void image_library(int64_t ms);

static volatile uint64_t sink;

static int64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#ifdef OTHER_BUILD /* so that the other function is elsewhere */
__attribute__((visibility("default"))) void image_other_build(void);
void image_other_build(void)
{
    for (int i = 0; i < 100; i++)
        sink = sink * 31 + (sink >> 7);
}
#endif

__attribute__((noinline)) static void NAME(int64_t until_ns)
{
    while (cpu_ns() < until_ns)
        for (int i = 0; i < 200000; i++)
            sink = sink * 6364136223846793005u + 1442695040888963407u;
}

__attribute__((visibility("default"))) void image_library(int64_t ms)
{
    NAME(cpu_ns() + ms * 1000000);
}
