/*
 * speedscope's own format: JSON with the frames once, and a list of stacks and weights for each sample type.
 *
 *     {"$schema": …, "shared": {"frames": [{"name", "file", "line"}]},
 *      "profiles": [{"type": "sampled", "unit": "nanoseconds", "samples": [[0, 3]], "weights": [10]}]}
 *
 * Place on the way of a sample: see formats.h. Context: ordinary code.
 * Source: speedscope, src/lib/file-format-spec.ts, and file-format-schema.json in its npm package.
 */
#ifndef SIGPROF_FORMATS_SPEEDSCOPE_H
#define SIGPROF_FORMATS_SPEEDSCOPE_H

#include "formats/formats.h"

extern const struct sp_format sp_format_speedscope;

#endif
