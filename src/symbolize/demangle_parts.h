/*
 * What the files of the demangler share: the text that grows, and the work of each of them.
 *
 * Place on the way of a sample: inside demangle.c, which has the contract.
 * Context: any thread; no state.
 */
#ifndef SIGPROF_SYMBOLIZE_DEMANGLE_PARTS_H
#define SIGPROF_SYMBOLIZE_DEMANGLE_PARTS_H

#include "symbolize/demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdbool.h>

/* The text that grows; once it does not fit, `is_full` stays set. */
struct sp_demangle_text {
    char *at;
    size_t n, size;
    bool is_full;
};

void sp_demangle_append(struct sp_demangle_text *text, const char *bytes, size_t n);

/*
 * A text on its way out of libiberty, which cannot be told to stop, and in a name whose parts refer to each other may
 * double it again and again. Who prints sets `too_long`.
 */
struct sp_demangle_printed {
    struct sp_demangle_text *text;
    jmp_buf too_long;
};

/* libiberty's callback, `printed` is a struct sp_demangle_printed: appends, and leaves libiberty once it is full. */
void sp_demangle_append_or_leave(const char *bytes, size_t n, void *printed);

/*
 * The length of a symbol's name without what compilers and linkers put behind it: the suffixes of clones and parts
 * (".cold", ".part.0", ".constprop.0", ".isra.0", ".llvm.123" and their like), and a version ("@@V_1", "@V_1"; but
 * "@plt" stays, as it is another piece of code). `length` when there is nothing of these.
 */
size_t sp_demangle_base(const char *name, size_t length);

/* A C++ name without parameters and template arguments. False: as below. */
bool sp_demangle_cpp(const char *mangled, struct sp_demangle_text *text);

/* A C++ name with parameters and template arguments. False: damaged, too large, or of a kind not known here. */
bool sp_demangle_cpp_full(const char *mangled, struct sp_demangle_text *text);

/* A D name, `mangled[0..length)`; with parameters and template arguments if `is_full`. */
bool sp_demangle_d(const char *mangled, size_t length, bool is_full, struct sp_demangle_text *text);

#endif
