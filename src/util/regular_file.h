/*
 * Opens regular files, and nothing else: to open a device or a FIFO can have effects.
 *
 * Place: util; for what foreign files and profiles name: programs, debug files, sources.
 * Context: ordinary code of any thread.
 */
#ifndef SIGPROF_UTIL_REGULAR_FILE_H
#define SIGPROF_UTIL_REGULAR_FILE_H

/*
 * Opens the regular file at `path` for reading. `root` is -1, or a directory that is the root of the path and of all
 * links on the way: nothing leads out of it. Returns the descriptor, -errno of the system, or -EBADMSG when it is no
 * regular file. Below a root it is -ENOENT on a kernel that cannot look there (before Linux 5.6).
 */
int sp_open_regular(int root, const char *path);

#endif
