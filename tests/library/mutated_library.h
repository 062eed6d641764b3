/* The library whose unwind tables test_mutated_tables.c writes to. */
#ifndef SIGPROF_TESTS_MUTATED_LIBRARY_H
#define SIGPROF_TESTS_MUTATED_LIBRARY_H

#include <stdint.h>

/* Some microseconds of work, `depth` calls deep, in frames of different kinds. Returns something that depends on it. */
__attribute__((visibility("default"))) uint64_t mutated_work(unsigned depth, uint64_t seed);

#endif
