/*
 * A library to be loaded and unloaded: built several times with other SIDEs, which name its functions. It is busy in
 * plugin_run, and a little in its destructor.
 */
#include "cpu_work.h"

#define JOIN(a, b) a##_##b
#define NAME_OF(side, name) JOIN(side, name)
#define NAME(name) NAME_OF(SIDE, name)

void NAME(hot)(void);
void NAME(bye)(void);
__attribute__((visibility("default"))) void plugin_run(int64_t cpu_ns);

static volatile uint64_t sink;

__attribute__((noinline, section(".plugin_hot"))) void NAME(hot)(void)
{
    work_a_little(&sink);
    __asm__ volatile("" : : : "memory");
}

void plugin_run(int64_t cpu_ns)
{
    for (const int64_t until_ns = raw_thread_cpu_ns() + cpu_ns; raw_thread_cpu_ns() < until_ns;)
        NAME(hot)();
}

__attribute__((destructor, noinline)) void NAME(bye)(void)
{
    for (unsigned i = 0; i < 10; i++)
        work_a_little(&sink);
    __asm__ volatile("" : : : "memory");
}
