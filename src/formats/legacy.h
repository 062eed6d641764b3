/*
 * The legacy CPU profile: what gperftools' libprofiler writes, and google-pprof and go tool pprof read.
 *
 *   ┌─────────┐
 *   │ header  │ 0, 3, 0, period in µs, 0
 *   ├─────────┤
 *   │ records │ count, n, pcs[n]       count ≥ 1, n ≥ 1, the leaf first, callers as return addresses
 *   ├─────────┤
 *   │ trailer │ 0, 1, 0
 *   ├─────────┤
 *   │ text    │ the executable mappings, as /proc/PID/maps has them
 *   └─────────┘
 *
 * The binary part is words as wide as a pointer, in the byte order of the machine; those we write are
 * 64 bits wide. It has no names, labels, times or comments, and one address space.
 *
 * Place on the way of a sample: see formats.h. Context: ordinary code.
 * Source: gperftools, docs/cpuprofile-fileformat.
 */
#ifndef SIGPROF_FORMATS_LEGACY_H
#define SIGPROF_FORMATS_LEGACY_H

#include "formats/formats.h"

extern const struct sp_format sp_format_legacy;

/* The members of sp_format_legacy; see struct sp_format. */
bool sp_legacy_looks_like(const uint8_t *data, size_t size);
int sp_legacy_read(const uint8_t *data, size_t size, size_t memory_limit, struct sp_profile **profile, char *why,
                   size_t why_size);
int sp_legacy_write(const struct sp_profile *profile, const struct sp_write_options *options, struct sp_bytes *out);

#endif
