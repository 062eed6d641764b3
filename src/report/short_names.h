/*
 * Names for boxes: what makes a function's name long is left out.
 * Place on the way of a sample: under the drawing of a graph. Context: ordinary code.
 */
#ifndef SIGPROF_REPORT_SHORT_NAMES_H
#define SIGPROF_REPORT_SHORT_NAMES_H

#include <stddef.h>

/*
 * Shortens a name in place, as pprof does: without a Go package's path and module version, a Java package, C++
 * namespaces.
 */
void sp_name_abbreviate(char *name);

#endif
