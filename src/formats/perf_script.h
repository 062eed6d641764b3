/*
 * What `perf script` prints: a header for each sample, and below it the frames, the leaf first.
 *
 *     comm PID/TID [CPU] TIME: PERIOD EVENT:
 *             ADDRESS SYMBOL+0xOFFSET (MODULE)
 *
 * PID, CPU, TIME and PERIOD may be missing; frames without a call chain stand behind the event. Modules are mappings
 * without addresses: what perf prints is a process's address, or one in the module, depending on its version.
 *
 * Place on the way of a sample: see formats.h. Context: ordinary code.
 * Source: Linux, tools/perf/Documentation/perf-script.txt.
 */
#ifndef SIGPROF_FORMATS_PERF_SCRIPT_H
#define SIGPROF_FORMATS_PERF_SCRIPT_H

#include "formats/formats.h"

extern const struct sp_format sp_format_perf_script;

/* The member of sp_format_perf_script; see struct sp_format. */
int sp_perf_script_read(const uint8_t *data, size_t size, size_t memory_limit, struct sp_profile **profile, char *why,
                        size_t why_size);

#endif
