/* Gives sigprof functions that find and name its stacks, and says how often they were called. */
#include "sigprof/sigprof.h"

#include <stdio.h>

#include "cpu_work.h"

static volatile unsigned calls;

static void traceback(void *p)
{
    const struct sigprof_traceback_argument *argument = p;
    calls++;
    argument->buf[0] = 0x5000;
    argument->buf[1] = 0;
}

static void symbolizer(void *p)
{
    struct sigprof_symbolizer_argument *argument = p;
    calls++;
    argument->func = "named_by_plugin";
}

int main(void)
{
    uint64_t sink = 0;
    printf("result=%d\n", sigprof_set_traceback(0, traceback, NULL, symbolizer));
    work_cpu_ns(300000000, &sink);
    printf("calls=%u\n", calls);
    return 0;
}
