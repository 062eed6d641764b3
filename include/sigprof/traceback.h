/*
 * Stacks and names from the host: functions that were written for Go's runtime.SetCgoTraceback, called by sigprof.
 *
 *     sigprof_set_traceback(0, my_traceback, NULL, my_symbolizer);
 *
 * A host that knows better how to walk its stacks (a runtime with stacks of its own, code without unwind tables) gives
 * a traceback function, and the stacks of samples are what that says; a symbolizer names what it found. Types, layouts
 * and rules are those of Go's documentation of SetCgoTraceback, version 0, so that functions written for Go serve as
 * they are.
 */
#ifndef LIBSIGPROF_TRACEBACK_H
#define LIBSIGPROF_TRACEBACK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a traceback function is called with. */
struct sigprof_traceback_argument {
    uintptr_t context;     /* 0: the stack of here and now. sigprof asks for nothing else */
    uintptr_t sig_context; /* the ucontext_t * of the interrupted thread, which is the calling one */
    uintptr_t *buf;        /* where the stack goes */
    uintptr_t max;         /* entries that there is room for: not one more may be written */
};

/* What a context function is called with. */
struct sigprof_context_argument {
    uintptr_t context; /* 0: to be filled in; else what an earlier call has filled in, and is no longer needed */
};

/* What a symbolizer is called with; all but pc are 0 in the first call for a pc. */
struct sigprof_symbolizer_argument {
    uintptr_t pc;     /* as the traceback has given it; 0: no more calls, free what was kept */
    const char *file; /* NUL-terminated, or NULL: not known. Read before the next call */
    uintptr_t lineno;
    const char *func; /* the same. A mangled name is demangled */
    uintptr_t entry;  /* of the function; sigprof has no use for it */
    uintptr_t more;   /* other than 0: call me again with this pc, I have its caller, into which it was inlined */
    uintptr_t data;   /* the symbolizer's own */
};

/* `argument` points to one of the structures above. */
typedef void sigprof_plugin_function(void *argument);

/*
 * Sets the functions for the rest of the process's life; those that are set already may be given again. Each may be
 * NULL: without a traceback the symbolizer is not called, without a symbolizer sigprof names what the traceback finds.
 *   -EINVAL  version is not 0
 *   -EEXIST  another function, or NULL, is given where one is set already
 *   -ENOMEM  a session is running, and there is no memory for the buffers
 *
 * `traceback` is called by the signal handler for each sample, on the thread that was interrupted, whichever that is
 * and whoever made it, at any instruction, on several threads at once, with all signals blocked. It may use what is
 * async-signal-safe, must leave errno as it was and must return: by no other way than `return`. The stack it needs is
 * beside what sigprof takes (1536 bytes), on the host's alternate signal stack where there is one. It stores the stack,
 * the leaf first: buf[0] is the interrupted pc, the others lie in the calls of their functions (a return address less
 * one), and are not adjusted any further. A 0 ends the stack; without one it is taken for deeper than `max`.
 * What it stores is the sample's stack. Where it stores nothing, or no address at first, sigprof walks the stack
 * itself. When a call was found to have written behind `max` entries, that sample is walked by sigprof and the function
 * is not called any more. All this is counted: see sigprof_statistics.
 *
 * `symbolizer` is called when a profile is written with names, on the thread that writes it, for each pc that came from
 * the traceback: again while it sets `more`, at most 256 times, and once with pc 0 after each pc. It must not call
 * sigprof. What it gives goes before what sigprof knows; where it gives no function's name, sigprof looks.
 *
 * `context` is not called: it is for calls from C back into Go. It is there so that a host can say one thing to both.
 *
 * `sigprof record` walks the stacks of its programs itself and calls none of these functions.
 */
int sigprof_set_traceback(int version, sigprof_plugin_function *traceback, sigprof_plugin_function *context,
                          sigprof_plugin_function *symbolizer);

#ifdef __cplusplus
}
#endif

#endif
