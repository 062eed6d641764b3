/*
 * Names as people wrote them, from the names that compilers made of them.
 *
 * Place on the way of a sample: symbolize.c gives each symbol's name to it, and keeps the raw one beside the result.
 * The shape is that of `go tool pprof` by default: no parameters, no template arguments, no return type, no suffix of a
 * clone; so names agree whether pprof or we demangled them.
 *
 *   _ZNSt6vectorIiSaIiEE9push_backERKi     std::vector::push_back
 *   _ZZ3fooiENKUlvE_clEv                    foo()::{lambda()#1}::operator()
 *   _RINvNtC3std3mem8align_ofdE             std::mem::align_of::<>
 *   _D8demangle4testFiZv                    demangle.test
 *   parse.part.0.cold                       parse
 *
 * Context: any thread; no state. The names come from foreign files, so work, depth and length are bounded;
 * the longest hostile name takes less than 1 MiB of stack.
 */
#ifndef SIGPROF_SYMBOLIZE_DEMANGLE_H
#define SIGPROF_SYMBOLIZE_DEMANGLE_H

#include <stddef.h>

/* A longer mangled name is left as it is. */
#define SP_DEMANGLE_INPUT_MAX 8192

enum sp_demangle_style {
    SP_DEMANGLE_SHORT, /* without parameters, template arguments and return type; the default */
    SP_DEMANGLE_FULL,  /* with parameters and template arguments */
    SP_DEMANGLE_NONE,  /* as in the symbol table */
};

/*
 * Demangles C++ (Itanium ABI), Rust (v0 and legacy, without the hash) and D, and takes away what compilers and linkers
 * put behind a name of any language (clones and parts: `foo.cold` is of foo; symbol versions). Writes `out[0..size)`,
 * NUL-terminated, and returns the length; or 0, with `out` of no meaning, when there is nothing to change, when the
 * name is damaged or too large, or the result does not fit: the name is then used as it is. A name that is too large in
 * full is given short.
 */
size_t sp_demangle(const char *mangled, enum sp_demangle_style style, char *out, size_t size);

#endif
