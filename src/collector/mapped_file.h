/*
 * The file behind a mapping of a process: opened while the process is alive, whatever its path leads to.
 *
 * Place: collector, under images.h. A path in /proc/PID/maps may lead elsewhere, or nowhere: the process may live in
 * another mount namespace, the file may have been replaced or removed, or never have had a name (memfd). What is opened
 * here is the file that is mapped, or nothing.
 * Context: ordinary code of any thread. The files are foreign: only regular ones are opened.
 */
#ifndef SIGPROF_COLLECTOR_MAPPED_FILE_H
#define SIGPROF_COLLECTOR_MAPPED_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a line of /proc/PID/maps says of a mapping that has a file. */
struct sp_mapped_file {
    pid_t pid;
    uint64_t start, limit;
    unsigned major, minor; /* of the device, as the kernel shows it there; stat(2) of some file systems has another */
    uint64_t inode;
    const char *path; /* as our own root sees it; " (deleted)" behind it: it has no name any more */
};

/* What tells a file from others, and from itself after somebody has written to it. */
struct sp_file_identity {
    uint64_t mount; /* as in /proc/self/mountinfo; 0: not known (before Linux 5.8). Not compared */
    uint64_t device, inode, size;
    int64_t written_ns;
};

/* False for what is no regular file. */
bool sp_file_identify(int fd, struct sp_file_identity *identity);
bool sp_file_is(int fd, const struct sp_file_identity *identity);

/*
 * Whether it is on a file system that gives a removed file another name as long as somebody has it open, so that its
 * directory cannot be removed.
 */
bool sp_file_is_remote(int fd);

/* Opens the file at a path if it is this one; else -1. */
int sp_file_open_again(const char *path, const struct sp_file_identity *identity);

/*
 * Opens the file of a mapping for reading: by its path; by /proc/PID/map_files, which serves in every case but needs
 * privileges; as the process's executable; by its path in the process's root; or among the first descriptors of the
 * process. Returns the descriptor, and in `*is_by_path` whether the plain path led there; or -1.
 */
int sp_mapped_file_open(const struct sp_mapped_file *file, bool *is_by_path);

/* The first of these ways alone; it needs no process. Only device, inode and path are looked at. */
int sp_mapped_file_open_by_path(const struct sp_mapped_file *file);

/* How many bytes of a path are those of the process's root directory, as our own root sees it. 0: none. */
size_t sp_root_prefix(pid_t pid, const char *path);

#endif
