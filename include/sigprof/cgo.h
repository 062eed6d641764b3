/*
 * Tracebacks of C code for a Go program: the three functions that runtime.SetCgoTraceback(0, ...) takes. The Go package
 * in go/cgotraceback registers them when it is imported; Go's own profiler, its tracebacks and runtime.Callers then
 * show C functions, with files, lines and inlined calls, on threads that Go has made and on others.
 *
 * Each takes a pointer to the structure that Go documents at SetCgoTraceback (sigprof/traceback.h has them in C). Any
 * thread may call them, also at the same time. sigprof_cgo_traceback and sigprof_cgo_context may be called in a signal
 * handler; they take no lock and no memory. sigprof_cgo_symbolizer reads the program's files and keeps what it has
 * found; called in a signal handler, on its alternate stack, it tells only what it has found before.
 */
#ifndef LIBSIGPROF_CGO_H
#define LIBSIGPROF_CGO_H

#include <sigprof/traceback.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of struct sigprof_traceback_argument; context may also be what sigprof_cgo_context has filled in. */
void sigprof_cgo_traceback(void *argument);

/* Of struct sigprof_context_argument. */
void sigprof_cgo_context(void *argument);

/* Of struct sigprof_symbolizer_argument. */
void sigprof_cgo_symbolizer(void *argument);

#ifdef __cplusplus
}
#endif

#endif
