/*
 * Compression by zstd, for files whose names end with .zst.
 *
 * Place on the way of a sample: behind the writers of formats, in commands only. Context: ordinary code.
 */
#ifndef SIGPROF_FORMATS_ZSTD_OUT_H
#define SIGPROF_FORMATS_ZSTD_OUT_H

#include "formats/formats.h"

/* Appends data[0..size), as one frame, to `out`: 0, -ENOMEM, or -ENOSYS where sigprof was built without libzstd. */
int sp_zstd(const uint8_t *data, size_t size, struct sp_bytes *out);

#endif
