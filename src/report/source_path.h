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
 * Opens a file for reading: trimmed (sp_trimmed_path), and then one with an absolute path itself, another below the
 * directories of `source_path` and their parents. A descriptor, or -errno of open(2); -EBADMSG: it is no regular file;
 * -ENOENT: it is in none of the directories.
 */
int sp_open_source(const char *path, const char *trim_path, const char *source_path);

#endif
