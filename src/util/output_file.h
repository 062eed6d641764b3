/*
 * A file that is there whole or not at all.
 *
 * Place: util; for profiles that a command or the library writes. Context: ordinary code.
 */
#ifndef SIGPROF_UTIL_OUTPUT_FILE_H
#define SIGPROF_UTIL_OUTPUT_FILE_H

#include <stddef.h>

/* Zero-initialised is none. Owned by the caller; ended by commit or abandon. */
struct sp_output_file {
    int fd;
    char *path;      /* where it will be */
    char *temporary; /* where it is until then; NULL when `path` is no regular file and is written directly */
};

/*
 * Opens a temporary file beside `path` (beside what it points to, when it is a symbolic link), with the mode that the
 * file has or would get. A path that is a pipe or a device is opened itself. 0, or -errno of open(2); -EISDIR.
 */
int sp_output_open(const char *path, struct sp_output_file *file);

/* Writes all of data[0..size): 0, or -errno of write(2), for example -ENOSPC. */
int sp_output_write(int fd, const void *data, size_t size);

/* Closes and puts the file in its place: 0, or -errno of close(2), rename(2); then nothing is left behind. */
int sp_output_commit(struct sp_output_file *file);

/* Closes and removes the temporary file. */
void sp_output_abandon(struct sp_output_file *file);

#endif
