/*
 * Samples by thread. See firefox_threads.h.
 * Context: ordinary code.
 */
#include "formats/firefox_threads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/index.h"
#include "util/hash.h"
#include "util/room.h"

/* The labels' keys, as strings of the profile; 0 where it has none such. */
struct keys {
    uint32_t thread, tid, pid, process;
};

static struct keys find_keys(const struct sp_profile *profile)
{
    struct keys keys = {0};
    for (uint32_t i = 1; i < profile->strings.n; i++) {
        const char *text = profile->strings.at[i];
        if (strcmp(text, "thread") == 0)
            keys.thread = i;
        else if (strcmp(text, "tid") == 0)
            keys.tid = i;
        else if (strcmp(text, "pid") == 0)
            keys.pid = i;
        else if (strcmp(text, "process") == 0)
            keys.process = i;
    }
    return keys;
}

static struct sp_firefox_thread thread_of(const struct sp_profile *profile, const struct keys *keys, size_t sample)
{
    struct sp_firefox_thread thread = {0};
    const struct sp_sample *of = &profile->samples.at[sample];
    for (uint32_t i = 0; i < of->n_labels; i++) {
        const struct sp_label *label = &profile->labels.at[of->first_label + i];
        if (label->key == 0)
            continue;
        if (label->key == keys->thread)
            thread.name = label->str;
        else if (label->key == keys->tid)
            thread.tid = label->num;
        else if (label->key == keys->pid)
            thread.pid = label->num;
        else if (label->key == keys->process)
            thread.process = label->str;
    }
    return thread;
}

static bool are_equal(const struct sp_firefox_thread *a, const struct sp_firefox_thread *b)
{
    return a->name == b->name && a->process == b->process && a->pid == b->pid && a->tid == b->tid;
}

/* The position of an equal thread, which may be new; SP_NONE without memory. */
static uint32_t intern(struct sp_firefox_threads *threads, struct sp_index *index,
                       const struct sp_firefox_thread *thread)
{
    const uint64_t parts[] = {(uint64_t)thread->name << 32 | thread->process, (uint64_t)thread->pid,
                              (uint64_t)thread->tid};
    const uint64_t hash = sp_hash_bytes(sp_hash_seed(), parts, sizeof parts);
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(index, hash, &probe); i != SP_INDEX_NONE; i = sp_index_next(index, &probe)) {
        if (are_equal(&threads->at[i], thread))
            return i;
    }
    void *at = threads->at;
    const bool has_room = sp_make_room(&at, threads->n, &threads->room, sizeof *threads->at);
    threads->at = at;
    if (!has_room || sp_index_put(index, hash, (uint32_t)threads->n) != 0)
        return SP_NONE;
    threads->at[threads->n] = *thread;
    return (uint32_t)threads->n++;
}

/* Finds each sample's thread, and counts: whether there was memory. */
static bool find_threads(struct sp_firefox_threads *threads, const struct sp_profile *profile, struct sp_index *index,
                         uint32_t *thread_of_sample)
{
    const struct keys keys = find_keys(profile);
    for (size_t i = 0; i < profile->samples.n; i++) {
        const struct sp_firefox_thread thread = thread_of(profile, &keys, i);
        const uint32_t at = intern(threads, index, &thread);
        if (at == SP_NONE)
            return false;
        thread_of_sample[i] = at;
        threads->at[at].n++;
    }
    return true;
}

/* A counting sort. */
static void put_in_order(struct sp_firefox_threads *threads, const uint32_t *thread_of_sample, size_t n_samples)
{
    size_t first = 0;
    for (size_t i = 0; i < threads->n; i++) {
        threads->at[i].first = first;
        first += threads->at[i].n;
        threads->at[i].n = 0;
    }
    for (uint32_t i = 0; i < n_samples; i++) {
        struct sp_firefox_thread *thread = &threads->at[thread_of_sample[i]];
        threads->order[thread->first + thread->n++] = i;
    }
}

int sp_firefox_threads_init(struct sp_firefox_threads *threads, const struct sp_profile *profile)
{
    const size_t n = profile->samples.n;
    struct sp_index *index = sp_index_new();
    uint32_t *thread_of_sample = calloc(n + 1, sizeof *thread_of_sample);
    *threads = (struct sp_firefox_threads){.order = calloc(n + 1, sizeof *threads->order)};
    const bool is_good = index != NULL && thread_of_sample != NULL && threads->order != NULL &&
                         find_threads(threads, profile, index, thread_of_sample);
    if (is_good)
        put_in_order(threads, thread_of_sample, n);
    free(thread_of_sample);
    sp_index_free(index);
    return is_good ? 0 : -ENOMEM;
}

void sp_firefox_threads_done(struct sp_firefox_threads *threads)
{
    free(threads->at);
    free(threads->order);
    *threads = (struct sp_firefox_threads){0};
}
