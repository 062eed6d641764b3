/*
 * A program's or library's file in the hands of somebody who knows it better than by its path.
 *
 * Place: between the collector, which keeps files within reach while they are mapped (images.h), and symbolize, which
 * reads them (debug_places.h); neither knows of the other.
 * Context: ordinary code.
 */
#ifndef SIGPROF_UTIL_FOUND_IMAGE_H
#define SIGPROF_UTIL_FOUND_IMAGE_H

#include <stddef.h>

struct sp_found_image {
    int fd; /* open for reading; whoever asked closes it */
    /*
     * O_PATH descriptor of the root directory of the process that had the file, which stays the giver's; or -1: it is
     * our own root. Debug files may be below it, too.
     */
    int root;
    size_t prefix; /* so many bytes of the file's path lead to that root */
};

/*
 * Opens the file that was mapped from `path` with that build id ("": not known). 0 and `*found`; -ENOENT: nothing is
 * known that the path alone, and the build id, would not tell; -ESTALE: the path leads to another file now; or what
 * else keeps it from being opened. Any thread may ask.
 */
typedef int sp_find_image(const void *user, const char *path, const char *build_id, struct sp_found_image *found);

#endif
