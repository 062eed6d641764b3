/*
 * Decompression of zstd, whole blocks at a time.
 *
 * Place on the way of a sample: around a profile of any format, as gzip.
 * Context: ordinary code.
 */
#ifndef SIGPROF_FORMATS_UNZSTD_H
#define SIGPROF_FORMATS_UNZSTD_H

#include <stdbool.h>

#include "formats/formats.h"

/* Whether data[0..size) begins as zstd does: with a frame, or with one to be skipped. */
bool sp_is_zstd(const uint8_t *data, size_t size);

/*
 * Appends what data[0..size), one frame or several in a row, decompresses to, to `out`: 0, -EINVAL (damaged), -EFBIG
 * (`out` would pass `limit` bytes), -ENOMEM, or -ENOTSUP in a build without libzstd; on failure `why` gets a sentence,
 * and `out` is to be thrown away. Takes no more than about twice `limit` bytes and a window of 128 MiB, whatever the
 * data claim.
 */
int sp_unzstd(const uint8_t *data, size_t size, size_t limit, struct sp_bytes *out, char *why, size_t why_size);

#endif
