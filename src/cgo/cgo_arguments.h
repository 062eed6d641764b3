/*
 * The structs of Go's contract, as runtime.SetCgoTraceback documents them for version 0, and what the two halves here
 * share.
 *
 * Place: beside the way of a sample: Go's runtime asks, handler/unwind and symbolize answer.
 */
#ifndef SIGPROF_CGO_CGO_ARGUMENTS_H
#define SIGPROF_CGO_CGO_ARGUMENTS_H

#include <stddef.h>
#include <stdint.h>

struct sp_cgo_traceback {
    uintptr_t context;        /* 0, or of sp_cgo_context: where C called Go */
    uintptr_t signal_context; /* 0, or the ucontext_t * of the signal's handler that calls */
    uintptr_t *pcs;           /* taken: the addresses of calls; 0 behind the last, where there is room */
    uintptr_t max;            /* words of pcs */
};

struct sp_cgo_context {
    uintptr_t context; /* 0: taken, the caller's; else: it is not needed any more */
};

struct sp_cgo_symbol {
    uintptr_t pc; /* 0: no more of this traceback */
    const char *file;
    uintptr_t line;
    const char *function;
    uintptr_t entry;
    uintptr_t more; /* taken: there is another function at pc, which this one is inlined into */
    uintptr_t data; /* ours: which of them is next */
};

#pragma GCC visibility push(hidden)

/*
 * The addresses that tracebacks have given: a set without order that forgets nothing. Any context. What does not fit is
 * not remembered.
 */
enum { SP_CGO_SEEN = 1 << 14, SP_CGO_SEEN_PROBES = 8 };
extern _Atomic uintptr_t sp_cgo_seen[SP_CGO_SEEN];

#pragma GCC visibility pop

#endif
