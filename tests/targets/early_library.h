/* What a program may ask of early_library.c. */
#ifndef SIGPROF_TESTS_EARLY_LIBRARY_H
#define SIGPROF_TESTS_EARLY_LIBRARY_H

/* Waits for the constructor's threads, and prints them. */
__attribute__((visibility("default"))) void early_wait(void);

#endif
