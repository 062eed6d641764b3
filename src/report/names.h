/*
 * Names as reports show them.
 * Place on the way of a sample: under the reports. The rules are pprof's.
 * Context: ordinary code.
 */
#ifndef SIGPROF_REPORT_NAMES_H
#define SIGPROF_REPORT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "profile/profile.h"

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

/* The file of a mapping, as reports show it: "" for SP_NONE, and for the address of a profile without a build id. */
const char *sp_mapping_file(const struct sp_profile *profile, uint32_t mapping);

/*
 * The end of `path` that reports show: without the first prefix of `trim_path` (separated by colons) that it has;
 * without trim_path, what is behind the name of a folder of `source_path`. Both may be NULL.
 */
const char *sp_trimmed_path(const char *path, const char *trim_path, const char *source_path);

/* Takes "//", "." and ".." out of a path of at least one character, as Go's path/filepath does. */
bool sp_path_is_clean(const char *path);
void sp_path_clean(char *path);

#endif
