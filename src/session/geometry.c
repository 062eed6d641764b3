/*
 * How large a segment is for a rate, a depth and a machine.
 *
 * Place: session. Context: ordinary code; pure arithmetic.
 *
 * The rate of samples is bounded by CPUs × Hz however many threads there are, so the shards are sized by that: room for
 * buffer_ms (a second) of samples of TYPICAL_FRAMES on every CPU, ten times the collector's usual pause, and never less
 * than MIN_RECORDS of the deepest stacks per half. Equal stacks take no more room, so most programs need far less.
 * A process with a small buffer is one of many, which may be short: on a large machine, shards for every CPU would take
 * longer to make than it lives. It has few of them.
 */
#include <errno.h>

#include "session/session.h"

enum {
    TYPICAL_FRAMES = 64,
    MIN_RECORDS = 8,
    SHARDS_PER_CPU = 2,
    DEFAULT_SLOTS = 16384,
    MAX_SHARDS = 128,
    FEW_SHARDS = 16,
    BUFFER_MS = 1000
};

static uint32_t power_of_2_from(uint64_t n)
{
    uint32_t power = 1;
    while (power < n && power < 1u << 30)
        power *= 2;
    return power;
}

/* The process timer fires at most 100 times in a CPU second: it only has to find threads. */
static uint64_t backstop_periods(uint64_t period_ns)
{
    const uint64_t shortest_ns = 10000000;
    return period_ns >= shortest_ns ? 1 : (shortest_ns + period_ns - 1) / period_ns;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint32_t count_shards(uint32_t cpus, uint64_t buffer_ms)
{
    const uint64_t most = buffer_ms < BUFFER_MS ? FEW_SHARDS : MAX_SHARDS;
    return (uint32_t)smaller(power_of_2_from((uint64_t)cpus * SHARDS_PER_CPU), most);
}

/* The words of a half for all CPUs' samples of `buffer_ms`. */
static uint64_t typical_words(uint64_t hz, uint64_t buffer_ms, uint32_t cpus, uint32_t n_shards)
{
    return hz * buffer_ms / 1000 * cpus / n_shards * (SP_RECORD_HEAD_WORDS + TYPICAL_FRAMES);
}

int sp_session_geometry(const struct sp_session_config *config, uint32_t cpus, struct sp_geometry *geometry)
{
    if (config->period_ns == 0 || config->max_depth < 1 || config->max_depth > SP_DEPTH_LIMIT ||
        config->max_threads >= SP_SLOTS_LIMIT || config->trigger >= SP_TRIGGERS)
        return -EINVAL;
    const uint64_t hz = (1000000000 + config->period_ns - 1) / config->period_ns;
    const uint64_t buffer_ms = config->buffer_ms == 0 ? BUFFER_MS : config->buffer_ms;
    struct sp_geometry made = {
        .version = SP_SEGMENT_VERSION,
        .max_depth = config->max_depth,
        .n_slots = config->max_threads == 0 ? DEFAULT_SLOTS : power_of_2_from((uint64_t)config->max_threads + 1),
        .n_shards = count_shards(cpus, buffer_ms),
        .period_ns = config->period_ns,
        .backstop_periods = backstop_periods(config->period_ns),
    };
    const uint64_t typical = typical_words(hz, buffer_ms, cpus, made.n_shards);
    const uint64_t least = (uint64_t)MIN_RECORDS * sp_record_words_limit(&made);
    uint64_t half_words = smaller(typical < least ? least : typical, 1u << 20);
    for (;; half_words /= 2) {
        made.half_words = (uint32_t)(half_words < least ? least : half_words);
        made.n_buckets = power_of_2_from(made.half_words / 64 + 1);
        if (!sp_geometry_layout(&made))
            return -EINVAL;
        if (config->memory_bytes == 0 ||
            made.names_at <= config->memory_bytes) /* names are made present as they come */
            break;
        if (half_words <= least)
            return -ENOMEM;
    }
    *geometry = made;
    return 0;
}
