/*
 * Takes the end off a DEFLATE stream, so that another one can be put behind it.
 *
 * Place on the way of a sample: under the compression of large files by several threads; see gzip_halves.c.
 * Context: ordinary code.
 */
#ifndef SIGPROF_FORMATS_OPEN_BLOCK_H
#define SIGPROF_FORMATS_OPEN_BLOCK_H

#include <stddef.h>
#include <stdint.h>

enum { SP_OPEN_BLOCK_BYTES = 5 };

/*
 * Makes of stream[0..n), a whole DEFLATE stream as a compressor made it, one that goes on: its last block is marked as
 * not the last, and it ends with a byte. Returns its new length, at most n + SP_OPEN_BLOCK_BYTES, for which there has
 * to be room. 0, and nothing is changed, where that cannot be told from the first block's header alone: there are
 * several blocks, or one with the fixed codes.
 */
size_t sp_open_block(uint8_t *stream, size_t n);

#endif
