/*
 * gzip by two threads at once, as one member. See gzip.h.
 *
 *   header | first half: pieces, each one block that another can follow | second half: a stream with an end | CRC, size
 *
 * libdeflate makes whole streams only. That of a small piece is a single block as a rule, and then its end can be taken
 * off (open_block.h). Where it is not, the piece is cut in two; what is small then is stored as it is. Pieces do not
 * refer to what is before them, which makes the first half 4 % larger.
 *
 * The result depends on the data alone. Where there is no second thread, one does both halves.
 *
 * Context: ordinary code, with a thread that ends before sp_gzip_halves does.
 */
#include <errno.h>
#include <libdeflate.h>
#include <pthread.h>

#include "formats/bytes.h"
#include "formats/gzip.h"
#include "formats/open_block.h"

enum {
    PIECE_BYTES = 65535, /* libdeflate makes one block of them as a rule, and where it stores them */
    SMALL_BYTES = 4096,
    WORD_BYTES = 4,
};

struct half {
    const uint8_t *data;
    size_t size;
    struct sp_bytes out;
};

/* Appends the number's `n` lowest bytes, the least significant first. */
static void put_little_endian(struct sp_bytes *out, size_t value, size_t n)
{
    for (; n > 0; n--, value >>= 8)
        sp_bytes_put(out, &(uint8_t){(uint8_t)value}, 1);
}

static void put_stored(struct sp_bytes *out, const uint8_t *data, size_t n)
{
    put_little_endian(out, 0, 1); /* not the last block, of type 0, and the rest of the byte */
    put_little_endian(out, n, 2);
    put_little_endian(out, ~n, 2);
    sp_bytes_put(out, data, n);
}

static void put_piece(struct libdeflate_compressor *compressor, const uint8_t *data, size_t n, struct sp_bytes *out)
{
    const size_t bound = libdeflate_deflate_compress_bound(compressor, n);
    if (!sp_bytes_reserve(out, bound + SP_OPEN_BLOCK_BYTES))
        return;
    uint8_t *stream = out->at + out->n;
    const size_t open = sp_open_block(stream, libdeflate_deflate_compress(compressor, data, n, stream, bound));
    if (open > 0) {
        out->n += open;
    } else if (n <= SMALL_BYTES) {
        put_stored(out, data, n);
    } else {
        put_piece(compressor, data, n / 2, out);
        put_piece(compressor, data + n / 2, n - n / 2, out);
    }
}

static void *compress_first(void *opaque)
{
    struct half *half = opaque;
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(SP_GZIP_LARGE_LEVEL);
    if (!compressor)
        half->out.error = -ENOMEM;
    for (size_t at = 0; at < half->size && !half->out.error; at += PIECE_BYTES)
        put_piece(compressor, half->data + at, half->size - at < PIECE_BYTES ? half->size - at : PIECE_BYTES,
                  &half->out);
    libdeflate_free_compressor(compressor);
    return NULL;
}

static void compress_second(struct half *half)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(SP_GZIP_LARGE_LEVEL);
    const size_t bound = libdeflate_deflate_compress_bound(compressor, half->size);
    if (!compressor)
        half->out.error = -ENOMEM;
    else if (sp_bytes_reserve(&half->out, bound))
        half->out.n = libdeflate_deflate_compress(compressor, half->data, half->size, half->out.at, bound);
    libdeflate_free_compressor(compressor);
}

int sp_gzip_halves(const uint8_t *data, size_t size, struct sp_bytes *out)
{
    /* The method, no flags, no time, the fastest level, an unknown system: what libdeflate writes. */
    static const uint8_t header[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255};
    struct half first = {.data = data, .size = size / 2, .out = *out};
    struct half second = {.data = data + size / 2, .size = size - size / 2};
    pthread_t thread;
    sp_bytes_put(&first.out, header, sizeof header);
    const bool has_thread = pthread_create(&thread, NULL, compress_first, &first) == 0;
    if (!has_thread)
        compress_first(&first);
    compress_second(&second);
    const uint32_t crc = libdeflate_crc32(0, data, size);
    if (has_thread)
        pthread_join(thread, NULL);
    *out = first.out;
    sp_bytes_put(out, second.out.at, second.out.n);
    if (second.out.error && !out->error)
        out->error = second.out.error;
    sp_bytes_done(&second.out);
    put_little_endian(out, crc, WORD_BYTES);
    put_little_endian(out, size, WORD_BYTES);
    return out->error;
}
