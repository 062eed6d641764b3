/*
 * The frame of a stepped program: `PROGRAM CASE [ROUNDS]` prepares a case at full speed and is stepped through it.
 * Each case checks what it computes by stepped_require, and so shows that stepping has not disturbed it.
 */
#ifndef SIGPROF_STEPPED_CASES_H
#define SIGPROF_STEPPED_CASES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"

struct stepped_case {
    const char *name;
    void (*prepare)(void); /* may be NULL */
    void (*run)(void);
};

#define stepped_require(condition)                                          \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                        \
        }                                                                   \
    } while (0)

#define stepped_never_inlined __attribute__((noinline))

/* The main function of a program with the cases of `cases`. */
static inline int stepped_main(const struct stepped_case *cases, size_t n_cases, int argc, char **argv)
{
    const struct stepped_case *found = NULL;
    for (size_t i = 0; i < n_cases; i++)
        if (argc > 1 && strcmp(argv[1], cases[i].name) == 0)
            found = &cases[i];
    if (found == NULL) {
        for (size_t i = 0; i < n_cases; i++)
            puts(cases[i].name);
        return argc > 1 ? 2 : 0;
    }
    const int rounds = argc > 2 ? atoi(argv[2]) : 1;
    oracle_prepare();
    if (found->prepare != NULL)
        found->prepare();
    oracle_begin();
    for (int i = 0; i < rounds; i++)
        found->run();
    oracle_end();
    return 0;
}

#endif
