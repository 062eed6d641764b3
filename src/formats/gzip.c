/*
 * gzip by libdeflate. See gzip.h.
 *
 * libdeflate decompresses a member only as a whole into memory that is large enough. How much that is, is not known:
 * the size in a member's trailer is modulo 2^32, and can lie. So it is a hint; when it was too small, the space is
 * doubled and the member begun again.
 *
 * Context: ordinary code.
 */
#include "formats/gzip.h"

#include <errno.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>

#include "formats/bytes.h"

enum {
    LEVEL = 6,
    LARGEST_RATIO = 1032, /* of DEFLATE: 258 bytes from two bits */
    TRAILER_SIZE_BYTES = 4,
    SMALLEST_GUESS = 4 << 10,
};

bool sp_is_gzip(const uint8_t *data, size_t size)
{
    return size >= 2 && data[0] == 0x1f && data[1] == 0x8b;
}

int sp_gzip(const uint8_t *data, size_t size, struct sp_bytes *out)
{
    struct libdeflate_compressor *compressor =
        libdeflate_alloc_compressor(size < SP_GZIP_LARGE_BYTES ? LEVEL : SP_GZIP_LARGE_LEVEL);
    if (!compressor)
        return -ENOMEM;
    size_t bound = libdeflate_gzip_compress_bound(compressor, size);
    if (sp_bytes_reserve(out, bound))
        out->n += libdeflate_gzip_compress(compressor, data, size, out->at + out->n, bound);
    libdeflate_free_compressor(compressor);
    return out->error;
}

/* How many bytes the last member claims to hold. */
static size_t claimed_size(const uint8_t *data, size_t size)
{
    size_t claim = 0;
    for (size_t i = 0; i < TRAILER_SIZE_BYTES && i < size; i++)
        claim = claim << 8 | data[size - 1 - i];
    return claim;
}

/* The space to try first for data[0..size) where `room` bytes are allowed: at least 1, so that progress is seen. */
static size_t first_guess(const uint8_t *data, size_t size, size_t room)
{
    size_t possible = size > room / LARGEST_RATIO ? room : size * LARGEST_RATIO;
    size_t guess = claimed_size(data, size);
    if (guess < SMALLEST_GUESS)
        guess = SMALLEST_GUESS;
    return guess < possible ? guess : possible;
}

static int fail(int error, char *why, size_t why_size, const char *what, size_t position)
{
    snprintf(why, why_size, "%s at byte %zu of the compressed file", what, position);
    return error;
}

/* Decompresses the member at data[0..size) to the end of `out`; `*used` is its length. Errors as sp_gunzip. */
static int gunzip_member(struct libdeflate_decompressor *decompressor, const uint8_t *data, size_t size, size_t limit,
                         struct sp_bytes *out, size_t *used)
{
    size_t room = limit - out->n, space = first_guess(data, size, room), made;
    for (;;) {
        if (!sp_bytes_reserve(out, space ? space : 1))
            return out->error;
        enum libdeflate_result result =
            libdeflate_gzip_decompress_ex(decompressor, data, size, out->at + out->n, space, used, &made);
        if (result == LIBDEFLATE_SUCCESS) {
            out->n += made;
            return 0;
        }
        if (result != LIBDEFLATE_INSUFFICIENT_SPACE)
            return -EINVAL;
        if (space == room)
            return -EFBIG;
        space = space > room / 2 ? room : space * 2;
    }
}

int sp_gunzip(const uint8_t *data, size_t size, size_t limit, struct sp_bytes *out, char *why, size_t why_size)
{
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    size_t at = 0, used = 0;
    int error = decompressor ? 0 : -ENOMEM;
    for (; !error && at < size; at += used) {
        if (!sp_is_gzip(data + at, size - at)) {
            error = fail(-EINVAL, why, why_size, "bytes that are not gzip follow the profile", at);
            break;
        }
        error = gunzip_member(decompressor, data + at, size - at, limit, out, &used);
        if (error == -EINVAL)
            fail(error, why, why_size, "the gzip data are damaged or cut off; they begin", at);
        else if (error == -EFBIG)
            snprintf(why, why_size, "it decompresses to more than %zu bytes, which is the limit", limit);
    }
    if (error == -ENOMEM)
        snprintf(why, why_size, "there is not enough memory to decompress it");
    libdeflate_free_decompressor(decompressor);
    return error;
}
