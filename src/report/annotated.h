/*
 * What the annotated listings `list` and `disasm` have in common: values before a line, and lines of foreign files.
 * Place on the way of a sample: under these two reports. Context: ordinary code.
 */
#ifndef SIGPROF_REPORT_ANNOTATED_H
#define SIGPROF_REPORT_ANNOTATED_H

#include <stddef.h>
#include <stdio.h>

#include "report/report.h"
#include "util/json_out.h"

/* "Total: 12s". */
void sp_print_total(const struct sp_report *report, FILE *out);
/* The line below "ROUTINE": "     1.20s      2.50s (flat, cum) 20.83% of Total". */
void sp_print_routine_values(const struct sp_report *report, int64_t flat, int64_t cum, FILE *out);
/* What stands before a line: flat and cum, "." for 0, and a blank. */
void sp_print_line_values(const struct sp_report *report, int64_t flat, int64_t cum, FILE *out);
/* The members "flat" and "cum". */
void sp_put_line_values(struct sp_json *json, int64_t flat, int64_t cum);

/* Prints text[0..n) as it is, but control characters, which a terminal might obey, as "?". Tabs and form feeds stay. */
void sp_print_foreign_text(const char *text, size_t n, FILE *out);
/* Writes it as a JSON string, as is, what is not UTF-8 as U+FFFD: 0 or -ENOMEM. */
int sp_put_foreign_text(struct sp_json *json, const char *key, const char *text, size_t n);

#endif
