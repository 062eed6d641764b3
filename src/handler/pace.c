/*
 * A perf event's period, by how late its signals come.
 *
 * Place: see pace.h. Context: signal handler; for one slot no two calls overlap.
 */
#include "handler/pace.h"

#include <linux/perf_event.h>

#include "handler/raw_calls.h"

#include "handler/poison.h"

/*
 * Lateness grows with each signal that is late by the event's pace or more, and falls with each that is not: it gets to
 * its limit where more than one in five is late. PATIENCE signals in time make the pace faster; each slowing doubles
 * that.
 */
enum { LATE_STEP = 4, LATE_LIMIT = 64, PATIENCE = 32, DOUBLINGS = 12 };

static void set_pace(struct sp_slot *at, uint64_t pace_ns)
{
    sp_store_relaxed(&at->lateness, 0u);
    sp_store_relaxed(&at->in_time, 0u);
    sp_store_relaxed(&at->pace_ns, (uint32_t)pace_ns);
}

void sp_pace_begin(struct sp_slot *at, uint64_t period_ns)
{
    sp_store_relaxed(&at->slowings, 0u);
    set_pace(at, period_ns > SP_SAFE_PACE_NS ? period_ns : SP_SAFE_PACE_NS);
}

void sp_pace_set(const struct sp_slot *at)
{
    const uint64_t period_ns = sp_load_relaxed(&at->pace_ns);
    const int32_t fd = sp_load_relaxed(&at->perf_fd);
    if (fd >= 0)
        sp_raw_ioctl(fd, PERF_EVENT_IOC_PERIOD, (long)&period_ns);
}

static void slow_down(const struct sp_segment *segment, struct sp_slot *at)
{
    const uint64_t slower_ns = 2 * (uint64_t)sp_load_relaxed(&at->pace_ns);
    const uint32_t slowings = sp_load_relaxed(&at->slowings);
    set_pace(at, slower_ns < SP_SAFE_PACE_NS ? slower_ns : SP_SAFE_PACE_NS);
    sp_pace_set(at);
    sp_store_relaxed(&at->slowings, slowings + 1);
    if (slowings == 0)
        sp_add_relaxed(&segment->header->perf_slowed, (uint64_t)1);
}

static void speed_up(const struct sp_segment *segment, struct sp_slot *at)
{
    const uint64_t pace_ns = sp_load_relaxed(&at->pace_ns), period_ns = segment->geometry.period_ns;
    const uint64_t faster_ns = pace_ns / 2;
    if (pace_ns <= period_ns)
        return;
    set_pace(at, faster_ns > period_ns ? faster_ns : period_ns);
    sp_pace_set(at);
}

static void count_late(const struct sp_segment *segment, struct sp_slot *at)
{
    const uint32_t lateness = sp_load_relaxed(&at->lateness) + LATE_STEP;
    sp_store_relaxed(&at->lateness, lateness);
    if (lateness >= LATE_LIMIT)
        slow_down(segment, at);
}

static void count_in_time(const struct sp_segment *segment, struct sp_slot *at)
{
    const uint32_t lateness = sp_load_relaxed(&at->lateness), slowings = sp_load_relaxed(&at->slowings);
    const uint32_t in_time = sp_load_relaxed(&at->in_time) + 1;
    sp_store_relaxed(&at->lateness, lateness > 0 ? lateness - 1 : 0);
    sp_store_relaxed(&at->in_time, in_time);
    if (in_time >= (uint32_t)PATIENCE << (slowings < DOUBLINGS ? slowings : DOUBLINGS))
        speed_up(segment, at);
}

void sp_pace_keep(const struct sp_segment *segment, uint32_t slot, uint64_t owed)
{
    struct sp_slot *at = sp_segment_slot(segment, slot);
    const uint64_t period_ns = segment->geometry.period_ns, pace_ns = sp_load_relaxed(&at->pace_ns);
    if (period_ns >= SP_SAFE_PACE_NS)
        return;
    if (owed * period_ns >= 2 * pace_ns)
        count_late(segment, at);
    else
        count_in_time(segment, at);
}
