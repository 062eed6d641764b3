/*
 * Names as reports show them.
 * Place on the way of a sample: under the reports. The rules are pprof's.
 * Context: ordinary code.
 */
#ifndef SIGPROF_REPORT_NAMES_H
#define SIGPROF_REPORT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether pprof would shorten this name: it looks as if a C++ demangler had made it, with parameters or template
 * arguments. Names of Go generics' methods and Java constructors are left alone.
 */
bool sp_name_is_long_form(const char *name);

/* Removes parameters and template arguments, in place. What is in brackets that do not match stays. */
void sp_name_shorten(char *name);

/* The last part of a path and its length: "/usr/lib/libc.so.6" gives "libc.so.6". The empty path gives ".". */
const char *sp_base_name(const char *path, size_t *length);

/* Whether a mapping's file is the address of a profile ("https://…"), not a file: pprof hides those. */
bool sp_is_address_of_profile(const char *file);

#endif
