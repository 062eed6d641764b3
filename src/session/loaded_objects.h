/*
 * Which objects a dlclose unloads.
 *
 * Place: session, around libc's dlclose (interpose_dlclose.c). Before it the objects are listed with what tells them
 * from others, after it those that are missing are written to the log (unload_log.h). Nothing is listed as long as no
 * session runs, nor when nothing was loaded or unloaded since the last time. Context: ordinary code, any thread; the
 * dynamic linker's lock is taken, but not held while anything else is waited for.
 */
#ifndef SIGPROF_SESSION_LOADED_OBJECTS_H
#define SIGPROF_SESSION_LOADED_OBJECTS_H

#include <stdbool.h>
#include <stdint.h>

/* From before a dlclose until after it. */
struct sp_closing {
    bool is_open;  /* it is counted in the segment */
    bool is_blind; /* nothing was listed before it */
    uint64_t session;
};

/* A new epoch begins. errno is left alone. */
void sp_closing_begin(struct sp_closing *closing);

/* What is no longer loaded is told, and another epoch begins. errno is left alone. */
void sp_closing_end(const struct sp_closing *closing);

/* A session begins: the log's first epoch is the one of now. STARTING, before handlers run. */
void sp_loaded_objects_start(void);

/* In a forked child, where another thread of the parent's may have been at it. */
void sp_loaded_objects_in_child(void);

#endif
