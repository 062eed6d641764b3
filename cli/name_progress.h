/*
 * The line that tells how far the naming of a profile is, where it takes long and somebody is watching.
 *
 * Place: cli, beside symbolize, which calls on_module. A thread of its own draws the line, since it is the single large
 * file that takes long, and symbolize says nothing while it is at it.
 * Context: ordinary code of the command's thread; it inherits that one's signal mask.
 */
#ifndef SIGPROF_CLI_NAME_PROGRESS_H
#define SIGPROF_CLI_NAME_PROGRESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbolize/symbolize.h"

enum { SP_NAME_PROGRESS_DELAY_MS = 1000, SP_NAME_PROGRESS_NAME_BYTES = 64, SP_NAME_PROGRESS_NOTE_BYTES = 64 };

struct sp_name_progress {
    int fd;             /* the terminal */
    int64_t draw_at_ns; /* no line before: most profiles are named by then */
    bool has_thread;    /* false: nobody watches, and nothing is ever written */
    pthread_t thread;
    pthread_mutex_t lock; /* for the rest */
    pthread_cond_t changed;
    bool is_over;
    uint64_t changes; /* of what follows */
    size_t i, n;
    char name[SP_NAME_PROGRESS_NAME_BYTES]; /* of the file at hand, "" when there is none yet */
    char note[SP_NAME_PROGRESS_NOTE_BYTES];
};

/*
 * Begins: where `fd` is a terminal, sets on_module and user of `options`, and from `delay_ms` on the line is drawn.
 * Ended by sp_name_progress_end, which erases it.
 */
void sp_name_progress_begin(struct sp_name_progress *progress, int fd, int delay_ms,
                            struct sp_symbolize_options *options);
/* Puts a few words, "" for none, behind the file's name until the next file. On any thread. */
void sp_name_progress_note(struct sp_name_progress *progress, const char *note);
void sp_name_progress_end(struct sp_name_progress *progress);

#endif
