/*
 * What the two halves for Go's runtime share: the addresses that one has given, and the other will be asked for.
 *
 * Place: beside the way of a sample: Go's runtime asks, handler/unwind and symbolize answer. Context: any.
 */
#ifndef SIGPROF_CGO_CGO_SEEN_H
#define SIGPROF_CGO_CGO_SEEN_H

#include <stdint.h>

#pragma GCC visibility push(hidden)

/*
 * The addresses that tracebacks have given: a set without order that forgets nothing. What does not fit is
 * not remembered.
 */
enum { SP_CGO_SEEN = 1 << 14, SP_CGO_SEEN_PROBES = 8 };
extern _Atomic uintptr_t sp_cgo_seen[SP_CGO_SEEN];

#pragma GCC visibility pop

#endif
