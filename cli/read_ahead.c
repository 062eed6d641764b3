/*
 * A ring of a few results between a thread that reads and one that takes. See read_ahead.h.
 *
 * File i has slot i % SLOTS:
 *
 *   n_taken <= i < n_begun    begun: the slot's result is whose read it is until it is_ready, from then on the taker's
 *   n_begun <= i              begun by the next who has time, once i < n_taken + SLOTS
 *
 * The reader begins one after the other. The taker does where it would have to wait for the reader: so neither is idle,
 * whichever of reading and merging takes longer. All but a slot's result is under the lock.
 */
#include "read_ahead.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/formats.h"

enum { SLOTS = 3 };

struct result {
    struct sp_profile *profile;
    int error;
    char why[SP_READ_AHEAD_WHY_BYTES];
};

struct slot {
    bool is_ready;
    struct result result;
};

struct sp_read_ahead {
    const char *const *files;
    size_t n;
    bool has_thread;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t n_taken, n_begun; /* n_taken <= n_begun <= n_taken + SLOTS */
    struct slot slots[SLOTS];
};

/* Under the lock, which is let go meanwhile. */
static void read_next(struct sp_read_ahead *ahead)
{
    const size_t i = ahead->n_begun++;
    struct slot *slot = &ahead->slots[i % SLOTS];
    pthread_mutex_unlock(&ahead->lock);
    slot->result = (struct result){0};
    slot->result.error =
        sp_profile_read_file(ahead->files[i], &slot->result.profile, slot->result.why, sizeof slot->result.why);
    pthread_mutex_lock(&ahead->lock);
    slot->is_ready = true;
    pthread_cond_signal(&ahead->changed);
}

static bool has_room(const struct sp_read_ahead *ahead)
{
    return ahead->n_begun < ahead->n && ahead->n_begun - ahead->n_taken < SLOTS;
}

static void *read_all(void *opaque)
{
    struct sp_read_ahead *ahead = opaque;
    pthread_mutex_lock(&ahead->lock);
    while (ahead->n_begun < ahead->n) {
        if (has_room(ahead))
            read_next(ahead);
        else
            pthread_cond_wait(&ahead->changed, &ahead->lock);
    }
    pthread_mutex_unlock(&ahead->lock);
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

/* Whether the taker reads the next file itself: not stdin, which may not end, if it need not. */
static bool is_for_taker(const struct sp_read_ahead *ahead)
{
    return has_room(ahead) && (!ahead->has_thread || strcmp(ahead->files[ahead->n_begun], "-") != 0);
}

int sp_read_ahead_next(struct sp_read_ahead *ahead, struct sp_profile **profile, char why[SP_READ_AHEAD_WHY_BYTES])
{
    pthread_mutex_lock(&ahead->lock);
    struct slot *slot = &ahead->slots[ahead->n_taken % SLOTS];
    while (!slot->is_ready) {
        if (is_for_taker(ahead))
            read_next(ahead);
        else
            pthread_cond_wait(&ahead->changed, &ahead->lock);
    }
    const struct result result = slot->result;
    slot->is_ready = false;
    ahead->n_taken++;
    pthread_cond_signal(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
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
