/*
 * Where the files are that names come from, as far as who asks for names knows more of it than the profile.
 *
 * Place on the way of a sample: from the command line and the collector, through symbolize.h, to the sources of
 * symbols; debug_file.h does the searching.
 * Context: ordinary code. The functions may be called from several threads at once.
 */
#ifndef SIGPROF_SYMBOLIZE_DEBUG_PLACES_H
#define SIGPROF_SYMBOLIZE_DEBUG_PLACES_H

#include "util/found_image.h"

#include <stddef.h>

/* What can be fetched of a build. */
enum sp_fetched { SP_FETCHED_IMAGE, SP_FETCHED_DEBUG_FILE, SP_FETCHED_KINDS };

/*
 * Gets a file of a build from elsewhere; `build_id` is in lower-case hex. Returns a descriptor, which the caller
 * closes, or -errno: the file is done without. Any thread may ask.
 */
typedef int sp_fetch_file(void *user, enum sp_fetched kind, const char *build_id);

/* Zero-initialised: files are where the profile says, debug files beside them and in /usr/lib/debug. */
struct sp_debug_places {
    const char *const *directories; /* asked before /usr/lib/debug, in this order, and laid out like it */
    size_t n_directories;
    sp_find_image *find_image; /* NULL, or asked before a module's path is opened; what it gives is checked like any */
    const void *find_user;
    sp_fetch_file *fetch; /* NULL, or asked for what is not on this machine; what it gives is checked, too */
    void *fetch_user;
};

#endif
