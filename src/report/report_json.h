/*
 * What all reports in JSON begin and end with.
 * Place on the way of a sample: under the reports. Context: ordinary code.
 */
#ifndef SIGPROF_REPORT_REPORT_JSON_H
#define SIGPROF_REPORT_REPORT_JSON_H

#include <stdio.h>

#include "report/report.h"
#include "util/json_out.h"

/*
 * Begins an object: {"report":"traces","type":"cpu","unit":"nanoseconds","total":12, …
 * What is written goes to `out`, whose errors are the caller's to ask for.
 */
void sp_report_json_begin(struct sp_json *json, const struct sp_report *report, const char *name, FILE *out);
/* Ends it. */
void sp_report_json_end(struct sp_json *json);

/* Writes the member "labels": [{"key":"thread","text":"worker"},{"key":"bytes","number":12,"unit":"bytes"}]. */
void sp_report_json_labels(struct sp_json *json, const struct sp_report *report, const struct sp_sample *sample);

#endif
