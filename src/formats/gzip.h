/*
 * gzip in both directions, whole blocks at a time.
 *
 * Place on the way of a sample: around the profile.proto of a .pb.gz file.
 * Context: ordinary code.
 */
#ifndef SIGPROF_FORMATS_GZIP_H
#define SIGPROF_FORMATS_GZIP_H

#include <stdbool.h>

#include "formats/formats.h"

/* Whether data[0..size) begins as gzip does. */
bool sp_is_gzip(const uint8_t *data, size_t size);

enum {
    SP_GZIP_LARGE_BYTES = 32 << 20, /* from here on, the time counts more than the last few percent of space */
    SP_GZIP_LARGE_LEVEL = 1,
};

/* Appends data[0..size), compressed, to `out`: 0 or -ENOMEM. */
int sp_gzip(const uint8_t *data, size_t size, struct sp_bytes *out);

/* The same by two threads at once, as large data are compressed: in about half the time, 2 % larger. */
int sp_gzip_halves(const uint8_t *data, size_t size, struct sp_bytes *out);

/*
 * Appends what data[0..size), one gzip member or several in a row, decompresses to, to `out`: 0, -EINVAL (damaged),
 * -EFBIG (`out` would pass `limit` bytes) or -ENOMEM; on failure `why` gets a sentence, and `out` is to be thrown away.
 * Takes no more than about twice `limit` bytes, whatever the data claim.
 */
int sp_gunzip(const uint8_t *data, size_t size, size_t limit, struct sp_bytes *out, char *why, size_t why_size);

#endif
