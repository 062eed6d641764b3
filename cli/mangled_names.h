/*
 * Names that a profile has as the linker has them: profiles of pprof-rs and of gperftools' pprof, among others.
 *
 * Place: cli, between formats and select. Context: ordinary code of the command's only thread.
 */
#ifndef SIGPROF_CLI_MANGLED_NAMES_H
#define SIGPROF_CLI_MANGLED_NAMES_H

#include "profile/profile.h"

/*
 * Demangles and shortens the names of functions whose name is also their system name, or that have only that, as pprof
 * does on reading: with a name that differs, somebody has done it. 0 or the profile's sticky error.
 */
int sp_demangle_profile(struct sp_profile *profile);

#endif
