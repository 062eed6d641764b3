/*
 * A thread, a line, and its end.
 *
 * Place and context: see name_progress.h.
 */
#include "name_progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "printable.h"
#include "util/clock.h"

enum { REDRAW_MS = 200, LINE_BYTES = 256 };
static const int64_t ns_per_ms = 1000000;

/* To the line's start, and what is behind it goes. */
static const char erase[] = "\r\033[K";

/* What the user has not seen is no reason to fail. */
static void put(int fd, const char *text, size_t n)
{
    if (write(fd, text, n) < 0)
        return;
}

/* Columns that can be written to without the line becoming two. */
static size_t columns(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1U : LINE_BYTES;
}

/* With the lock held. */
static void draw(const struct sp_name_progress *progress)
{
    char whole[LINE_BYTES], line[sizeof erase + LINE_BYTES];
    size_t room = columns(progress->fd) + 1;
    const bool has_note = progress->note[0] != '\0';
    snprintf(whole, sizeof whole, "sigprof: looking up names: file %zu of %zu, %s%s%s%s", progress->i, progress->n,
             progress->name, has_note ? " (" : "", progress->note, has_note ? ")" : "");
    memcpy(line, erase, sizeof erase - 1);
    sp_printable(whole, line + sizeof erase - 1, room < LINE_BYTES ? room : LINE_BYTES);
    put(progress->fd, line, strlen(line));
}

/* With the lock held: until `until_ns`, or the end. */
static void wait_until(struct sp_name_progress *progress, int64_t until_ns)
{
    const struct timespec until = {.tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000};
    while (!progress->is_over && pthread_cond_timedwait(&progress->changed, &progress->lock, &until) == 0)
        continue;
}

static void *watch(void *opaque)
{
    struct sp_name_progress *progress = opaque;
    uint64_t drawn = 0; /* `changes` of the line that stands there */
    pthread_mutex_lock(&progress->lock);
    wait_until(progress, progress->draw_at_ns);
    while (!progress->is_over) {
        if (progress->changes != drawn)
            draw(progress);
        drawn = progress->changes;
        wait_until(progress, sp_now_ns() + REDRAW_MS * ns_per_ms);
    }
    if (drawn != 0)
        put(progress->fd, erase, sizeof erase - 1);
    pthread_mutex_unlock(&progress->lock);
    return NULL;
}

static void on_module(void *user, size_t i, size_t n, const char *path)
{
    struct sp_name_progress *progress = user;
    const char *slash = strrchr(path, '/');
    pthread_mutex_lock(&progress->lock);
    progress->changes++;
    progress->i = i;
    progress->n = n;
    progress->note[0] = '\0';
    sp_printable(slash != NULL ? slash + 1 : path, progress->name, sizeof progress->name);
    pthread_mutex_unlock(&progress->lock);
}

void sp_name_progress_note(struct sp_name_progress *progress, const char *note)
{
    if (!progress->has_thread)
        return;
    pthread_mutex_lock(&progress->lock);
    progress->changes++;
    snprintf(progress->note, sizeof progress->note, "%s", note);
    pthread_mutex_unlock(&progress->lock);
}

static bool is_watched(int fd)
{
    const char *terminal = getenv("TERM");
    return isatty(fd) && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC); /* sp_now_ns's */
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

void sp_name_progress_begin(struct sp_name_progress *progress, int fd, int delay_ms,
                            struct sp_symbolize_options *options)
{
    *progress = (struct sp_name_progress){.fd = fd, .draw_at_ns = sp_now_ns() + delay_ms * ns_per_ms};
    if (!is_watched(fd))
        return;
    pthread_mutex_init(&progress->lock, NULL);
    init_condition(&progress->changed);
    progress->has_thread = pthread_create(&progress->thread, NULL, watch, progress) == 0;
    if (progress->has_thread) {
        options->on_module = on_module;
        options->user = progress;
    }
}

void sp_name_progress_end(struct sp_name_progress *progress)
{
    if (!progress->has_thread)
        return;
    pthread_mutex_lock(&progress->lock);
    progress->is_over = true;
    pthread_cond_signal(&progress->changed);
    pthread_mutex_unlock(&progress->lock);
    pthread_join(progress->thread, NULL);
    pthread_cond_destroy(&progress->changed);
    pthread_mutex_destroy(&progress->lock);
    progress->has_thread = false;
}
