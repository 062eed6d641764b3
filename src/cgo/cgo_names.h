/*
 * What addresses of this process are called: found once, kept for ever.
 *
 * Place: see cgo_seen.h.
 */
#ifndef SIGPROF_CGO_CGO_NAMES_H
#define SIGPROF_CGO_CGO_NAMES_H

#include <stdint.h>

struct sp_cgo_frame {
    const char *function, *file; /* NULL: not known */
    uintptr_t line;              /* 0: not known */
};

struct sp_cgo_name {
    struct sp_cgo_name *next;
    uintptr_t pc;
    uint32_t n; /* frames, innermost first; 0: nothing is known */
    struct sp_cgo_frame frames[];
};

/* The name of `pc` as far as it has been found, or NULL. Any context. Never freed. */
const struct sp_cgo_name *sp_cgo_name_known(uintptr_t pc);

/*
 * The same, and if it has not been, finds it together with those of all other addresses that tracebacks have given.
 * NULL: there is no memory. Ordinary code of any thread; waits for another thread that does the same.
 */
const struct sp_cgo_name *sp_cgo_name_find(uintptr_t pc);

#endif
