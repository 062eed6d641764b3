/*
 * Whatever a profile is wrapped in: gzip and zstd, also one in the other.
 *
 * Place on the way of a sample: file → *this* → a reader of formats. Readers see what was inside.
 * Context: ordinary code.
 */
#ifndef SIGPROF_FORMATS_DECOMPRESS_H
#define SIGPROF_FORMATS_DECOMPRESS_H

#include "formats/formats.h"

/*
 * Replaces `bytes`, which may be compressed, by what is inside: 0 (also when they are not compressed, and nothing
 * happens), or an error of sp_gunzip or sp_unzstd; then `bytes` is as it was or partly unwrapped, and `why` has a
 * sentence. Takes no more than about twice `limit` bytes besides `bytes`.
 */
int sp_decompress(struct sp_bytes *bytes, size_t limit, char *why, size_t why_size);

#endif
