/*
 * The call graph as a picture, drawn by Graphviz's dot.
 *
 * Place: cli, behind the report that is dot's input. Context: ordinary code of the command's only thread.
 */
#ifndef SIGPROF_CLI_GRAPHVIZ_H
#define SIGPROF_CLI_GRAPHVIZ_H

#include <stdio.h>

#include "report/report.h"

/* Prints the report's graph as SVG: 0, or an error of the report, or -errno with `why` (dot is missing, or failed). */
int sp_graphviz_svg(struct sp_report *report, FILE *out, char *why, size_t why_size);

#endif
