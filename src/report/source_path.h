/*
 * Where a source file is here, by the path that a profile has for it.
 *
 * Place on the way of a sample: under the reports, those that show source lines above all. Paths in profiles are
 * foreign: only regular files are opened, and nothing waits for anybody. The rules are pprof's, and beyond them:
 * Go's module cache and GOROOT are looked in for paths of builds with -trimpath, and of other people's module caches.
 * Context: ordinary code of one thread (it reads the environment).
 */
#ifndef SIGPROF_REPORT_SOURCE_PATH_H
#define SIGPROF_REPORT_SOURCE_PATH_H

/*
 * `path` without its beginning: what of it leads to a directory with the name of one of `source_path`'s, where
 * `trim_path` is NULL or ""; otherwise the first of the prefixes in `trim_path` that it has. Both are lists separated
 * by colons. Points into `path`.
 */
const char *sp_trim_source_path(const char *path, const char *trim_path, const char *source_path);

/*
 * Opens a file for reading: one with an absolute path (when it is trimmed) itself, another below the directories of
 * `source_path` and their parents. A descriptor, or -errno of open(2); -EBADMSG: it is no regular file; -ENOENT: it is
 * in none of the directories.
 */
int sp_open_source(const char *path, const char *trim_path, const char *source_path);

#endif
