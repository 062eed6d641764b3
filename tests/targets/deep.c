/*
 * deep DEPTH MS: calls itself DEPTH times, and uses MS of CPU time at the bottom, in deep_spin. Built without frame
 * pointers.
 */
#include <stdlib.h>

#include "cpu_work.h"

static volatile uint64_t sink;

__attribute__((noinline)) static void deep_spin(int64_t ns)
{
    work_cpu_ns(ns, &sink);
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) static void deep_call(int depth, int64_t ns)
{
    if (depth > 1)
        deep_call(depth - 1, ns);
    else
        deep_spin(ns);
    __asm__ volatile("" ::: "memory"); /* no tail call */
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    deep_call(atoi(argv[1]), atoll(argv[2]) * 1000000);
    print_rusage();
    return 0;
}
