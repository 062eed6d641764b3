/*
 * Known threads become accounts.
 *
 * Place: see cpu_accounts.h. Context: ordinary code, one thread at a time. Clocks come from the segment too, so sums
 * stay at the largest number when they would be larger.
 */
#include "collector/cpu_accounts.h"

#include <stdlib.h>

#include "collector/thread_watch.h"

static uint64_t sum(uint64_t a, uint64_t b)
{
    uint64_t result;
    return __builtin_add_overflow(a, b, &result) || result > INT64_MAX ? INT64_MAX : result;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/*
 * What a thread used and was not sampled for. Of one that has settled its account, only what has a reason: the rest is
 * among the losses. Of others, losses (what is left of them is in `*lost_left_ns`) explain what nothing else does. What
 * the host's filter refused is known exactly.
 */
static void find_unsampled(const struct sp_known_thread *thread, const struct sp_segment *segment,
                           uint64_t *lost_left_ns, struct sp_thread_time *time)
{
    const uint64_t filtered_ns = sum(sp_known_thread_filtered_ns(thread, segment->geometry.period_ns), 0);
    const uint64_t kernel_ns = time->kernel_ns, known_ns = sum(time->recorded_ns, filtered_ns);
    time->gap = filtered_ns > 0 ? SP_GAP_FILTERED : SP_GAP_NONE;
    time->unsampled_ns = filtered_ns;
    if (kernel_ns <= known_ns || kernel_ns - known_ns <= sp_gap_limit_ns(segment, kernel_ns))
        return;
    uint64_t missing_ns = kernel_ns - known_ns;
    enum sp_gap gap = thread->gap == SP_GAP_NONE ? SP_GAP_UNKNOWN : thread->gap;
    if (gap == SP_GAP_UNKNOWN) {
        const uint64_t explained_ns = missing_ns < *lost_left_ns ? missing_ns : *lost_left_ns;
        *lost_left_ns -= explained_ns;
        missing_ns = thread->is_settled ? 0 : missing_ns - explained_ns;
    }
    if (missing_ns > 0)
        time->gap = gap;
    time->unsampled_ns = sum(time->unsampled_ns, missing_ns);
    time->named_lost_ns = thread->is_settled && !thread->is_withheld ? missing_ns : 0;
}

/* Its samples know better than a reading of its clock that was made before they were taken. */
static struct sp_thread_time time_of(const struct sp_known_thread *thread, const struct sp_segment *segment,
                                     uint64_t *lost_left_ns)
{
    const uint64_t recorded_ns = sum(sp_known_thread_recorded_ns(thread, segment->geometry.period_ns), 0);
    const uint64_t filtered_ns = sp_known_thread_filtered_ns(thread, segment->geometry.period_ns);
    const uint64_t kernel_ns = sum(sp_known_thread_kernel_ns(thread), 0);
    struct sp_thread_time time = {.tid = thread->key.tid,
                                  .name = thread->name,
                                  .n_threads = 1,
                                  .kernel_ns =
                                      thread->is_settled ? kernel_ns : larger(kernel_ns, sum(recorded_ns, filtered_ns)),
                                  .recorded_ns = recorded_ns};
    find_unsampled(thread, segment, lost_left_ns, &time);
    return time;
}

static void add_time(struct sp_thread_time *to, const struct sp_thread_time *time)
{
    to->n_threads += time->n_threads;
    to->kernel_ns = sum(to->kernel_ns, time->kernel_ns);
    to->recorded_ns = sum(to->recorded_ns, time->recorded_ns);
    to->unsampled_ns = sum(to->unsampled_ns, time->unsampled_ns);
    to->named_lost_ns = sum(to->named_lost_ns, time->named_lost_ns);
}

/* Whether `time` went into an account of the list that is there already, or into a new one. */
static bool fold(struct sp_folded_threads *folded, struct sp_thread_time time)
{
    if (folded->list.n >= SP_ACCOUNTS_KEPT)
        time.name = 0; /* too many names */
    for (size_t i = 0; i < folded->list.n; i++)
        if (folded->list.at[i].name == time.name && folded->list.at[i].gap == time.gap) {
            add_time(&folded->list.at[i], &time);
            return true;
        }
    if (folded->list.n == folded->list.capacity) {
        const size_t capacity = folded->list.capacity == 0 ? 16 : 2 * folded->list.capacity;
        struct sp_thread_time *at = reallocarray(folded->list.at, capacity, sizeof *at);
        if (at == NULL)
            return false;
        folded->list.at = at;
        folded->list.capacity = capacity;
    }
    time.tid = 0;
    folded->list.at[folded->list.n++] = time;
    return true;
}

struct folding {
    const struct sp_segment *segment;
    struct sp_folded_threads *folded;
    uint64_t lost_left_ns;
    int64_t before_ns;
};

static bool has_ended(const struct sp_known_thread *thread, int64_t before_ns)
{
    return thread->ended_ns != 0 && thread->ended_ns < before_ns;
}

/* A thread stays as it is where there is no memory to fold it. */
static bool is_kept(void *user, const struct sp_known_thread *thread)
{
    struct folding *folding = user;
    if (!has_ended(thread, folding->before_ns))
        return true;
    return !sp_known_thread_is_brief(thread, folding->segment) &&
           !fold(folding->folded, time_of(thread, folding->segment, &folding->lost_left_ns));
}

void sp_cpu_accounts_fold(const struct sp_account_owner *owner, struct sp_known_threads *threads,
                          struct sp_folded_threads *folded, int64_t before_ns)
{
    struct folding folding = {owner->segment, folded, owner->lost_ns, before_ns};
    size_t n_ended = 0;
    if (threads->known.n <= SP_ACCOUNTS_KEPT)
        return;
    for (size_t i = 0; i < threads->known.n; i++)
        n_ended += has_ended(&threads->known.at[i], before_ns);
    if (n_ended > SP_ACCOUNTS_KEPT)
        sp_known_threads_keep(threads, is_kept, &folding);
}

/* All threads that were too brief to be sampled. */
static struct sp_thread_time brief_time(const struct sp_account_owner *owner)
{
    return (struct sp_thread_time){.name = owner->brief_name,
                                   .n_threads = owner->n_brief < UINT32_MAX ? (uint32_t)owner->n_brief : UINT32_MAX,
                                   .kernel_ns = sum(owner->brief_ns, 0)};
}

typedef void take_time(void *user, const struct sp_thread_time *time);

/* One more: to `take`, if it used anything, and to the sum of all. */
static void give(struct sp_thread_time *all, const struct sp_thread_time *time, take_time *take, void *user)
{
    if (time->kernel_ns > 0)
        take(user, time);
    add_time(all, time);
}

/* Calls `take` with each thread's time, folded ones first. Returns the sum of all. */
static struct sp_thread_time for_each(const struct sp_account_owner *owner, take_time *take, void *user)
{
    struct sp_thread_time all = {0};
    const struct sp_thread_time brief = brief_time(owner);
    uint64_t lost_left_ns = owner->lost_ns;
    give(&all, &brief, take, user);
    for (size_t i = 0; i < owner->folded->list.n; i++)
        give(&all, &owner->folded->list.at[i], take, user);
    for (size_t i = 0; i < owner->threads->known.n; i++) {
        const struct sp_known_thread *thread = &owner->threads->known.at[i];
        if (sp_known_thread_is_brief(thread, owner->segment))
            continue;
        const struct sp_thread_time time = time_of(thread, owner->segment, &lost_left_ns);
        give(&all, &time, take, user);
    }
    all.kernel_ns = larger(all.kernel_ns, sum(owner->kernel_ns, 0));
    return all;
}

struct writing {
    const struct sp_account_owner *owner;
    struct sp_profile *profile;
};

static struct sp_account account_of(const struct sp_account_owner *owner, const struct sp_thread_time *time)
{
    return (struct sp_account){.pid = owner->pid,
                               .tid = time->tid,
                               .n_threads = time->n_threads,
                               .process = owner->name,
                               .thread = time->name,
                               .kernel_ns = (int64_t)time->kernel_ns,
                               .recorded_ns = (int64_t)time->recorded_ns,
                               .unsampled_ns = (int64_t)time->unsampled_ns};
}

static void write_thread(void *user, const struct sp_thread_time *time)
{
    const struct writing *writing = user;
    struct sp_account account = account_of(writing->owner, time);
    account.reason = sp_profile_string(writing->profile, sp_gap_name(time->gap));
    sp_profile_add_account(writing->profile, &account);
}

void sp_cpu_accounts_write(const struct sp_account_owner *owner, struct sp_profile *profile)
{
    struct writing writing = {owner, profile};
    const struct sp_thread_time all = for_each(owner, write_thread, &writing);
    struct sp_account account = account_of(owner, &all);
    account.n_threads = 0; /* the process */
    sp_profile_add_account(profile, &account);
}

static void add_unsampled(void *user, const struct sp_thread_time *time)
{
    struct sp_ledger *ledger = user;
    ledger->unsampled_ns[time->gap] = sum(ledger->unsampled_ns[time->gap], time->unsampled_ns);
}

void sp_cpu_accounts_add(const struct sp_account_owner *owner, struct sp_ledger *ledger)
{
    const struct sp_thread_time all = for_each(owner, add_unsampled, ledger);
    ledger->kernel_ns = sum(ledger->kernel_ns, all.kernel_ns);
    ledger->named_lost_ns = sum(ledger->named_lost_ns, all.named_lost_ns);
}

void sp_folded_threads_done(struct sp_folded_threads *folded)
{
    free(folded->list.at);
    *folded = (struct sp_folded_threads){0};
}
