/*
 * The choice of the trigger, by what the kernel says of itself.
 *
 * Place: see trigger_choice.h. CPU timers expire at the kernel's tick and no more often (Linux,
 * kernel/time/posix-cpu-timers.c), so above the tick rate they give fewer samples than asked for, each of more weight.
 * The coarse clocks advance once a tick: their resolution is the tick's length (clock_getres(2), Linux
 * kernel/time/posix-timers.c), which no configuration file of the running kernel has to be read for.
 */
#include "session/trigger_choice.h"

#include <sys/resource.h>
#include <time.h>

#include "session/own_descriptors.h"

static uint64_t tick_ns(void)
{
    struct timespec tick;
    if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) != 0)
        return 4000000;
    return (uint64_t)tick.tv_sec * 1000000000 + (uint64_t)tick.tv_nsec;
}

/* A quarter of what the host may open stays its own. */
static void choose_descriptors(struct sp_header *header)
{
    struct rlimit files;
    const uint64_t limit = getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : 1024;
    const uint32_t end = limit < SP_PERF_FDS ? (uint32_t)limit : SP_PERF_FDS;
    sp_store_relaxed(&header->perf_fd_low, (uint32_t)SP_LOWEST_DESCRIPTOR);
    sp_store_relaxed(&header->perf_fd_high, end - end / 4);
}

void sp_session_choose_trigger(const struct sp_segment *segment)
{
    struct sp_header *header = segment->header;
    const uint32_t asked = sp_load_relaxed(&header->trigger_asked);
    const uint64_t tick = tick_ns();
    const uint32_t best = segment->geometry.period_ns < tick ? SP_TRIGGER_PERF : SP_TRIGGER_TIMER;
    sp_store_relaxed(&header->tick_ns, tick);
    choose_descriptors(header);
    sp_store_relaxed(&header->trigger, asked == SP_TRIGGER_AUTO ? best : asked);
}

void sp_session_confirm_trigger(const struct sp_segment *segment)
{
    struct sp_header *header = segment->header;
    if (sp_load_relaxed(&header->perf_refused) != 0)
        sp_store_relaxed(&header->trigger, (uint32_t)SP_TRIGGER_TIMER);
}
