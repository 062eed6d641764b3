/*
 * Columns of text, aligned to the right: the rules of Go's text/tabwriter, by which pprof lays out its report of tags.
 *
 * A cell ends at a tab; what follows the last tab of a line is not in any column. The cells of a column that follow one
 * another, line by line, are as wide as the widest and one space more.
 *
 * Place on the way of a sample: under the report tags. Context: ordinary code.
 */
#ifndef SIGPROF_REPORT_COLUMNS_H
#define SIGPROF_REPORT_COLUMNS_H

#include <stdio.h>

/* Prints text[0..n), UTF-8, in columns: 0 or -ENOMEM. Takes time in proportion to n, whatever stands there. */
int sp_columns_print(const char *text, size_t n, FILE *out);

#endif
