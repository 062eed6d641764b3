/*
 * A folder of a test program's own below /tmp, which is gone at the end: set-up and tear-down of its group of tests.
 */
#ifndef SIGPROF_TESTS_TEST_FOLDER_H
#define SIGPROF_TESTS_TEST_FOLDER_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static char test_folder[] = "/tmp/sp_test_XXXXXX";

/* Runs a shell command in it, without a word. Whether it succeeded. */
static inline bool run_in_test_folder(const char *command)
{
    char inside[2048];
    snprintf(inside, sizeof(inside), "cd %s && { %s; } >/dev/null 2>&1", test_folder, command);
    return system(inside) == 0;
}

static inline int make_test_folder(void **state)
{
    (void)state;
    return mkdtemp(test_folder) ? 0 : -1;
}

static inline int remove_test_folder(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof(command), "rm -r %s", test_folder);
    return system(command);
}

#endif
