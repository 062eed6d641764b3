/*
 * Where the files are that names come from, as far as who asks for names knows more of it than the profile.
 *
 * Place on the way of a sample: from the command line and the collector, through symbolize.h, to the sources of
 * symbols; debug_file.h does the searching.
 * Context: ordinary code. The functions may be called from several threads at once.
 */
#ifndef SIGPROF_SYMBOLIZE_DEBUG_PLACES_H
#define SIGPROF_SYMBOLIZE_DEBUG_PLACES_H

#include <stddef.h>

struct sp_module_id;

/* A module's file, in the hands of somebody who knows it better than by its path. */
struct sp_found_image {
    int fd; /* whoever takes it closes it */
    /*
     * Debug files are looked for beside `path`, which is below `root`: an O_PATH descriptor of the root directory of
     * the process that had the file, which stays the giver's; or -1, it is our own root. `path` lives as long as the
     * id that was asked for: it is that path, or the end of it.
     */
    int root;
    const char *path;
};

/* Zero-initialised: files are where the profile says, debug files beside them and in /usr/lib/debug. */
struct sp_debug_places {
    const char *const *directories; /* asked before /usr/lib/debug, in this order, and laid out like it */
    size_t n_directories;

    /*
     * NULL, or asked before a module's path is opened: 0 and `*found`; -ENOENT: nothing is known, the path serves;
     * -ESTALE: the path leads to another file now; or what else keeps it from being opened. What it gives is checked
     * like any file.
     */
    int (*find_image)(void *user, const struct sp_module_id *id, struct sp_found_image *found);
    void *find_user;
};

#endif
