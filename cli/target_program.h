/*
 * The program to be recorded: where it is, and whether a preloaded library can get into it.
 *
 * Place: before `record` starts anything. Context: ordinary code.
 */
#ifndef SIGPROF_CLI_TARGET_PROGRAM_H
#define SIGPROF_CLI_TARGET_PROGRAM_H

#include <limits.h>

/*
 * Finds `name` as execvp(3) does and stores its path. Returns SP_EXIT_OK; or, having complained, SP_EXIT_NOT_FOUND or
 * SP_EXIT_NOT_EXECUTABLE.
 */
int sp_program_find(const char *name, char path[PATH_MAX]);

/*
 * Whether the dynamic linker will heed LD_PRELOAD in the program at `path`, or in the interpreter of the script that it
 * is: SP_EXIT_OK, or SP_EXIT_FAILED having said exactly why not.
 */
int sp_program_check(const char *path);

/* Stores the path of the preload library, in the build tree or where it is installed: SP_EXIT_OK, or SP_EXIT_FAILED. */
int sp_preload_find(char path[PATH_MAX]);

#endif
