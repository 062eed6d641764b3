/*
 * Headers, facts and accounts of profiles combined.
 *
 * Place on the way of a sample: part of merging, see merge.h.
 * Context: ordinary code of one thread at a time.
 */
#include <string.h>

#include "profile/grow.h"
#include "profile/intern.h"
#include "profile/measure.h"
#include "profile/merger.h"
#include "util/hash.h"

/* Facts that describe a recording and are no sums, by how their keys begin. */
static const char *const descriptions[] = {"ledger.version", "period_ns", "trigger."};

static int64_t bounded_sum(int64_t a, int64_t b)
{
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum))
        return sum;
    return b > 0 ? INT64_MAX : INT64_MIN;
}

/* Whether the source's sample types are, name by name, those of the merged profile. */
static bool has_all_types_in_order(const struct sp_merger *merger)
{
    if (merger->source->sample_types.n != merger->merged->sample_types.n)
        return false;
    for (uint32_t i = 0; i < merger->merged->sample_types.n; i++)
        if (merger->columns[i] != i)
            return false;
    return true;
}

static void add_default_type(struct sp_merger *merger)
{
    struct sp_profile *merged = merger->merged;
    uint32_t its = sp_merger_string(merger, merger->source->default_sample_type);
    if (merger->n_profiles == 0)
        merger->first_default = its;
    if (merged->default_sample_type != 0 || merged->error)
        return;
    merged->default_sample_type = has_all_types_in_order(merger) ? its : sp_profile_settled_default(merged, its);
}

static uint64_t string_hash(uint32_t string)
{
    return sp_hash_word(sp_hash_seed(), string);
}

static void add_comment(struct sp_merger *merger, uint32_t comment)
{
    struct sp_profile *merged = merger->merged;
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(merger->indexes.comments, string_hash(comment), &probe); i != SP_INDEX_NONE;
         i = sp_index_next(merger->indexes.comments, &probe))
        if (merged->comments.at[i] == comment)
            return;
    if (SP_RESERVE(merged, merged->comments, 1) &&
        sp_profile_index_put(merged, merger->indexes.comments, string_hash(comment), merged->comments.n))
        merged->comments.at[merged->comments.n++] = comment;
}

/* The source's period in the merged profile's unit. */
static int64_t period_of(const struct sp_merger *merger)
{
    const char *from = sp_profile_text(merger->source, merger->source->period_type.unit);
    const char *to = sp_profile_text(merger->merged, merger->merged->period_type.unit);
    return strcmp(from, to) == 0 ? merger->source->period
                                 : sp_truncated(sp_scale(merger->source->period, from, to).value);
}

void sp_merger_add_header(struct sp_merger *merger)
{
    const struct sp_profile *source = merger->source;
    struct sp_profile *merged = merger->merged;
    if (merger->n_profiles == 0) {
        merged->drop_frames = sp_merger_string(merger, source->drop_frames);
        merged->keep_frames = sp_merger_string(merger, source->keep_frames);
    }
    if (merged->time_ns == 0 || source->time_ns < merged->time_ns)
        merged->time_ns = source->time_ns;
    merged->duration_ns = bounded_sum(merged->duration_ns, source->duration_ns);
    int64_t period = period_of(merger);
    if (merged->period == 0 || merged->period < period)
        merged->period = period;
    if (merged->doc_url == 0)
        merged->doc_url = sp_merger_string(merger, source->doc_url);
    add_default_type(merger);
    for (size_t i = 0; i < source->comments.n; i++)
        add_comment(merger, sp_merger_string(merger, source->comments.at[i]));
}

static bool is_description(const char *key)
{
    for (size_t i = 0; i < sizeof descriptions / sizeof descriptions[0]; i++)
        if (strncmp(key, descriptions[i], strlen(descriptions[i])) == 0)
            return true;
    return false;
}

static uint32_t find_fact(const struct sp_merger *merger, uint32_t key)
{
    struct sp_probe probe;
    uint32_t i = sp_index_first(merger->indexes.facts, string_hash(key), &probe);
    while (i != SP_INDEX_NONE && merger->merged->facts.at[i].key != key)
        i = sp_index_next(merger->indexes.facts, &probe);
    return i;
}

static void append_fact(struct sp_merger *merger, const struct sp_fact *fact)
{
    struct sp_profile *merged = merger->merged;
    size_t at = merged->facts.n;
    if (!SP_RESERVE(merged, merger->n_agreeing, at + 1 - merger->n_agreeing.n) ||
        !sp_profile_index_put(merged, merger->indexes.facts, string_hash(fact->key), at))
        return;
    sp_profile_append_fact(merged, fact);
    merger->n_agreeing.at[at] = 1;
    merger->n_agreeing.n = merged->facts.n;
}

static void add_fact(struct sp_merger *merger, const struct sp_fact *fact)
{
    struct sp_profile *merged = merger->merged;
    const struct sp_fact added = {sp_merger_string(merger, fact->key), sp_merger_string(merger, fact->text),
                                  fact->value};
    uint32_t at = find_fact(merger, added.key);
    if (at == SP_INDEX_NONE) {
        append_fact(merger, &added);
        return;
    }
    struct sp_fact *known = &merged->facts.at[at];
    if (!is_description(sp_profile_text(merged, added.key)))
        known->value = bounded_sum(known->value, added.value);
    else if (known->value == added.value && known->text == added.text)
        merger->n_agreeing.at[at]++;
}

/* Descriptions that are not those of all profiles go. */
static void drop_disputed(struct sp_merger *merger)
{
    struct sp_profile *merged = merger->merged;
    size_t n_kept = 0;
    for (size_t i = 0; i < merged->facts.n; i++) {
        const struct sp_fact fact = merged->facts.at[i];
        if (!is_description(sp_profile_text(merged, fact.key)) || merger->n_agreeing.at[i] == merger->n_with_facts)
            merged->facts.at[n_kept++] = fact;
    }
    merged->facts.n = n_kept;
}

static bool is_same_account(const struct sp_account *a, const struct sp_account *b)
{
    return a->pid == b->pid && a->tid == b->tid && a->n_threads == b->n_threads && a->process == b->process &&
           a->thread == b->thread && a->reason == b->reason;
}

static void add_account(struct sp_merger *merger, struct sp_account account)
{
    struct sp_profile *merged = merger->merged;
    account.process = sp_merger_string(merger, account.process);
    account.thread = sp_merger_string(merger, account.thread);
    account.reason = sp_merger_string(merger, account.reason);
    uint64_t hash = sp_hash_word(sp_hash_seed(), (uint64_t)(uint32_t)account.pid << 32 | (uint32_t)account.tid);
    hash = sp_hash_word(sp_hash_word(hash, (uint64_t)account.process << 32 | account.thread),
                        (uint64_t)account.n_threads << 32 | account.reason);
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(merger->indexes.accounts, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(merger->indexes.accounts, &probe)) {
        struct sp_account *known = &merged->accounts.at[i];
        if (!is_same_account(known, &account))
            continue;
        known->kernel_ns = bounded_sum(known->kernel_ns, account.kernel_ns);
        known->recorded_ns = bounded_sum(known->recorded_ns, account.recorded_ns);
        known->unsampled_ns = bounded_sum(known->unsampled_ns, account.unsampled_ns);
        return;
    }
    sp_profile_index_put(merged, merger->indexes.accounts, hash, merged->accounts.n);
    sp_profile_add_account(merged, &account);
}

void sp_merger_add_facts(struct sp_merger *merger)
{
    const struct sp_profile *source = merger->source;
    if (source->facts.n == 0 && source->accounts.n == 0) {
        merger->n_without_facts += source->samples.n > 0;
        return;
    }
    merger->n_with_facts++;
    for (size_t i = 0; i < source->facts.n; i++)
        add_fact(merger, &source->facts.at[i]);
    for (size_t i = 0; i < source->accounts.n; i++)
        add_account(merger, source->accounts.at[i]);
}

void sp_merger_finish_header(struct sp_merger *merger)
{
    struct sp_profile *merged = merger->merged;
    drop_disputed(merger);
    if (merger->n_without_facts > 0)
        merged->facts.n = merged->accounts.n = 0;
    if (merger->has_dropped_types)
        merged->default_sample_type = sp_profile_settled_default(merged, merger->first_default);
}
