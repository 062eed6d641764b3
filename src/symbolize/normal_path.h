/*
 * Paths of source files as tools compare them.
 *
 * Place on the way of a sample: the last step for a file's name that DWARF has put together from directories.
 * Context: any thread; no state.
 */
#ifndef SIGPROF_SYMBOLIZE_NORMAL_PATH_H
#define SIGPROF_SYMBOLIZE_NORMAL_PATH_H

/*
 * The path without "//", "/./" and "dir/../", by its text alone. Returns `path` itself where there is nothing to do
 * (also NULL), else `out`, which has room for a path as long as `path`.
 */
const char *sp_normal_path(const char *path, char *out);

#endif
