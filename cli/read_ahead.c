/*
 * A ring of a few results between a thread that reads and one that takes. See read_ahead.h.
 *
 *   n_read - n_taken results wait, in slots n_taken % SLOTS and so on. The reader waits while all slots are full, the
 *   taker while they are empty; both under the lock, so that a slot belongs to one of them at a time.
 */
#include "read_ahead.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "formats/formats.h"

enum { SLOTS = 2 };

struct result {
    struct sp_profile *profile;
    int error;
    char why[SP_READ_AHEAD_WHY_BYTES];
};

struct sp_read_ahead {
    const char *const *files;
    size_t n;
    bool has_thread;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t n_read, n_taken; /* n_taken <= n_read <= n_taken + SLOTS */
    struct result slots[SLOTS];
};

static void read_one(const char *file, struct result *result)
{
    *result = (struct result){0};
    result->error = sp_profile_read_file(file, &result->profile, result->why, sizeof result->why);
}

static void *read_all(void *opaque)
{
    struct sp_read_ahead *ahead = opaque;
    for (size_t i = 0; i < ahead->n; i++) {
        pthread_mutex_lock(&ahead->lock);
        while (ahead->n_read - ahead->n_taken == SLOTS)
            pthread_cond_wait(&ahead->changed, &ahead->lock);
        pthread_mutex_unlock(&ahead->lock);
        read_one(ahead->files[i], &ahead->slots[i % SLOTS]);
        pthread_mutex_lock(&ahead->lock);
        ahead->n_read++;
        pthread_cond_signal(&ahead->changed);
        pthread_mutex_unlock(&ahead->lock);
    }
    return NULL;
}

struct sp_read_ahead *sp_read_ahead_new(const char *const *files, size_t n)
{
    struct sp_read_ahead *ahead = calloc(1, sizeof *ahead);
    if (ahead == NULL)
        return NULL;
    ahead->files = files;
    ahead->n = n;
    pthread_mutex_init(&ahead->lock, NULL);
    pthread_cond_init(&ahead->changed, NULL);
    ahead->has_thread = n > 1 && pthread_create(&ahead->thread, NULL, read_all, ahead) == 0;
    return ahead;
}

/* The slot stays the taker's until n_taken says otherwise. */
static void take(struct sp_read_ahead *ahead, struct result *result)
{
    pthread_mutex_lock(&ahead->lock);
    while (ahead->n_read == ahead->n_taken)
        pthread_cond_wait(&ahead->changed, &ahead->lock);
    *result = ahead->slots[ahead->n_taken++ % SLOTS];
    pthread_cond_signal(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
}

int sp_read_ahead_next(struct sp_read_ahead *ahead, struct sp_profile **profile, char why[SP_READ_AHEAD_WHY_BYTES])
{
    struct result result;
    if (ahead->has_thread)
        take(ahead, &result);
    else
        read_one(ahead->files[ahead->n_taken++], &result);
    if (result.error)
        snprintf(why, SP_READ_AHEAD_WHY_BYTES, "%s", result.why);
    else
        *profile = result.profile;
    return result.error;
}

void sp_read_ahead_free(struct sp_read_ahead *ahead)
{
    if (ahead == NULL || (ahead->has_thread && ahead->n_taken < ahead->n))
        return;
    if (ahead->has_thread)
        pthread_join(ahead->thread, NULL);
    pthread_cond_destroy(&ahead->changed);
    pthread_mutex_destroy(&ahead->lock);
    free(ahead);
}
