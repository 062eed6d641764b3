/*
 * Reading counters that another process may have overwritten.
 *
 * Place: see counters.h. Context: ordinary code.
 */
#include "collector/counters.h"

/* No session lasts long enough to count higher: more was not written by a handler. */
static const uint64_t count_limit = (uint64_t)1 << 48;

/* A hundred days of CPU time; brief threads use less. */
static const uint64_t cpu_limit_ns = (uint64_t)1 << 53;

/* The kernel's ticks are shorter. */
static const uint64_t tick_limit_ns = 1000000000;

/* A number that the target's side has written; 0, and marked as damaged, where it cannot be one. */
static uint64_t plausible(uint64_t count, uint64_t limit, struct sp_ledger *ledger)
{
    if (count <= limit)
        return count;
    ledger->damaged++;
    return 0;
}

static void add_count(struct sp_tally *tally, struct sp_count *count, struct sp_ledger *ledger)
{
    tally->deliveries += plausible(sp_load_relaxed(&count->deliveries), count_limit, ledger);
    tally->weight += plausible(sp_load_relaxed(&count->weight), count_limit, ledger);
}

/* Threads, and nanoseconds: of those there are more. */
static void add_brief(struct sp_count *count, struct sp_ledger *ledger)
{
    ledger->brief.deliveries += plausible(sp_load_relaxed(&count->deliveries), count_limit, ledger);
    ledger->brief.weight += plausible(sp_load_relaxed(&count->weight), cpu_limit_ns, ledger);
}

static void add_stripe(struct sp_stripe *stripe, struct sp_ledger *ledger)
{
    add_count(&ledger->fired, &stripe->fired, ledger);
    for (uint32_t loss = 0; loss < SP_LOSSES; loss++)
        add_count(&ledger->lost[loss], &stripe->lost[loss], ledger);
    add_count(&ledger->settled, &stripe->settled, ledger);
    add_brief(&stripe->brief, ledger);
    ledger->backstop_idle += plausible(sp_load_relaxed(&stripe->backstop_idle), count_limit, ledger);
    ledger->early += plausible(sp_load_relaxed(&stripe->early), count_limit, ledger);
    ledger->stray += plausible(sp_load_relaxed(&stripe->stray), count_limit, ledger);
}

static void add_shard(struct sp_shard *shard, struct sp_ledger *ledger)
{
    add_count(&ledger->recorded, &shard->recorded, ledger);
    ledger->frames_walked += plausible(sp_load_relaxed(&shard->frames), count_limit, ledger);
    ledger->rules_missed += plausible(sp_load_relaxed(&shard->rules_missed), count_limit, ledger);
    ledger->virtual_placed += plausible(sp_load_relaxed(&shard->virtual_placed), count_limit, ledger);
    ledger->virtual_dropped += plausible(sp_load_relaxed(&shard->virtual_dropped), count_limit, ledger);
    ledger->virtual_damaged += plausible(sp_load_relaxed(&shard->virtual_damaged), count_limit, ledger);
    ledger->tracebacks += plausible(sp_load_relaxed(&shard->tracebacks), count_limit, ledger);
    ledger->tracebacks_empty += plausible(sp_load_relaxed(&shard->tracebacks_empty), count_limit, ledger);
    ledger->tracebacks_garbled += plausible(sp_load_relaxed(&shard->tracebacks_garbled), count_limit, ledger);
    ledger->tracebacks_overrun += plausible(sp_load_relaxed(&shard->tracebacks_overrun), count_limit, ledger);
}

/* An error number; that of the first process that had one is kept. */
static void take_error(uint64_t *error, int32_t written, struct sp_ledger *ledger)
{
    const uint64_t read = plausible((uint64_t)(int64_t)written, SP_PERF_UNDER_SECCOMP, ledger);
    if (*error == 0)
        *error = read;
}

static void add_trigger(struct sp_header *header, struct sp_ledger *ledger)
{
    const uint64_t all = (1 << SP_TRIGGERS) - 1;
    ledger->trigger_asked = plausible(sp_load_relaxed(&header->trigger_asked), SP_TRIGGERS - 1, ledger);
    ledger->trigger_used |= plausible(sp_load_relaxed(&header->triggers_used), all, ledger);
    ledger->perf_refused += plausible(sp_load_relaxed(&header->perf_refused), count_limit, ledger);
    ledger->perf_slowed += plausible(sp_load_relaxed(&header->perf_slowed), count_limit, ledger);
    ledger->tick_ns = plausible(sp_load_relaxed(&header->tick_ns), tick_limit_ns, ledger);
    take_error(&ledger->perf_error, sp_load_relaxed(&header->perf_error), ledger);
    take_error(&ledger->timer_error, sp_load_relaxed(&header->timer_error), ledger);
}

void sp_counters_add(const struct sp_segment *segment, struct sp_ledger *ledger)
{
    struct sp_header *header = segment->header;
    for (uint32_t i = 0; i < SP_STRIPES; i++)
        add_stripe(&header->stripes[i], ledger);
    for (uint32_t i = 0; i < segment->geometry.n_shards; i++)
        add_shard(sp_segment_shard(segment, i), ledger);
    ledger->threads_armed += plausible(sp_load_relaxed(&header->threads_armed), count_limit, ledger);
    ledger->slots_full += plausible(sp_load_relaxed(&header->slots_full), count_limit, ledger);
    ledger->names_refused += plausible(sp_load_relaxed(&header->names_refused), count_limit, ledger);
    ledger->timers_refused += plausible(sp_load_relaxed(&header->timers_refused), count_limit, ledger);
    add_trigger(header, ledger);
}
