/*
 * Whose code an address in memory without a file is: each process has its own, at addresses that others have too.
 *
 * Place on the way of a sample: under perf_files.c, which names what is listed here. A location is a mapping and an
 * address, so that two processes may share one although different code lies there (children of one program, each with
 * a compiler at run time): it is listed for each, and where their names differ, each gets its own location.
 *
 * Context: ordinary code; one profile by one thread at a time.
 */
#ifndef SIGPROF_SYMBOLIZE_PERF_OWNERS_H
#define SIGPROF_SYMBOLIZE_PERF_OWNERS_H

#include "profile/profile.h"

/* A location in code made at run time, in the samples of one process. */
struct sp_perf_want {
    int64_t pid; /* 0: nothing tells */
    uint64_t address;
    uint32_t location;
    uint32_t function; /* of its name; SP_NONE: none found */
};

struct sp_perf_wants {
    struct sp_perf_want *at; /* sorted by pid, then address */
    size_t n, capacity;
};

/*
 * Lists the locations without lines (or, if `is_forced`, any) whose mapping has no file, or that have no mapping, for
 * each process in whose samples they are: by the "pid" labels or, without these, the only one among the accounts.
 * Returns 0 or -ENOMEM; in any case sp_perf_wants_done is called.
 */
int sp_perf_wants_init(struct sp_perf_wants *wants, const struct sp_profile *profile, bool is_forced);
void sp_perf_wants_done(struct sp_perf_wants *wants);

/*
 * Gives the locations the functions found. One that several processes have, and not with the same function, is split:
 * then no sample is added after. Sorts `wants` by location. Returns 0, -ENOMEM, or the profile's error.
 */
int sp_perf_wants_apply(struct sp_perf_wants *wants, struct sp_profile *profile);

#endif
