/*
 * zstd by libzstd. See unzstd.h.
 *
 * A frame may tell how long its content is, which can be a lie; so what it tells is a hint for the room to make, no
 * larger than what so many bytes can decompress to. A frame that keeps its word is decompressed in place; for others
 * libzstd needs a window besides, which the frame names and libzstd limits.
 *
 * Context: ordinary code.
 */
#include <errno.h>
#include <stdio.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "formats/bytes.h"
#include "formats/unzstd.h"

enum {
    LARGEST_RATIO = 32 << 10, /* a block of 128 KiB from 4 bytes */
    SMALLEST_GUESS = 64 << 10,
};

struct stream {
    ZSTD_DStream *decoder;
    ZSTD_inBuffer in;
    size_t limit;
    struct sp_bytes *out;
    size_t frame_at; /* where the frame begins */
    size_t pending;  /* of the frame: 0 at its end */
};

/* How many bytes to make room for at the beginning of a frame. */
static size_t first_guess(const struct stream *stream)
{
    const size_t left = stream->in.size - stream->in.pos;
    const size_t possible = left > SIZE_MAX / LARGEST_RATIO ? SIZE_MAX : left * LARGEST_RATIO;
    const unsigned long long told = ZSTD_getFrameContentSize((const char *)stream->in.src + stream->in.pos, left);
    if (told == ZSTD_CONTENTSIZE_ERROR || told == ZSTD_CONTENTSIZE_UNKNOWN || told < SMALLEST_GUESS)
        return SMALLEST_GUESS;
    return told < possible ? (size_t)told : possible;
}

/* One call of the decoder with up to `space` bytes of room: 0 or an error. At the limit a byte more shows a bomb. */
static int step(struct stream *stream, size_t space)
{
    uint8_t beyond;
    const size_t room = stream->limit - stream->out->n;
    if (!sp_bytes_reserve(stream->out, space < room ? space : room))
        return stream->out->error;
    const size_t free_bytes = stream->out->capacity - stream->out->n;
    ZSTD_outBuffer to = {.dst = stream->out->at + stream->out->n, .size = free_bytes < room ? free_bytes : room};
    if (room == 0)
        to = (ZSTD_outBuffer){.dst = &beyond, .size = 1};
    const size_t consumed = stream->in.pos;
    stream->pending = ZSTD_decompressStream(stream->decoder, &to, &stream->in);
    if (ZSTD_isError(stream->pending))
        return ZSTD_getErrorCode(stream->pending) == ZSTD_error_memory_allocation ? -ENOMEM : -EINVAL;
    if (room == 0 && to.pos > 0)
        return -EFBIG;
    stream->out->n += room == 0 ? 0 : to.pos;
    const bool is_stuck = to.pos == 0 && stream->in.pos == consumed;
    return is_stuck && stream->pending != 0 ? -EINVAL : 0;
}

static int read_frame(struct stream *stream)
{
    size_t space = first_guess(stream);
    stream->frame_at = stream->in.pos;
    do {
        const int error = step(stream, space);
        if (error)
            return error;
        space = stream->out->n < stream->out->capacity ? 1 : SMALLEST_GUESS;
    } while (stream->pending != 0);
    return 0;
}

static int explain(const struct stream *stream, int error, char *why, size_t why_size)
{
    if (error == -EFBIG)
        snprintf(why, why_size, "it decompresses to more than %zu bytes, which is the limit", stream->limit);
    else if (error == -ENOMEM)
        snprintf(why, why_size, "there is not enough memory to decompress it");
    else if (ZSTD_isError(stream->pending) &&
             ZSTD_getErrorCode(stream->pending) == ZSTD_error_frameParameter_windowTooLarge)
        snprintf(why, why_size, "its zstd window is larger than 128 MiB (as of zstd --long); zstd -dc FILE reads it");
    else
        snprintf(why, why_size, "the zstd data that begin at byte %zu of the compressed file are damaged or cut off",
                 stream->frame_at);
    return error;
}

int sp_unzstd(const uint8_t *data, size_t size, size_t limit, struct sp_bytes *out, char *why, size_t why_size)
{
    struct stream stream = {
        .decoder = ZSTD_createDStream(), .in = {.src = data, .size = size}, .limit = limit, .out = out};
    int error = stream.decoder ? 0 : -ENOMEM;
    while (!error && stream.in.pos < size)
        error = read_frame(&stream);
    ZSTD_freeDStream(stream.decoder);
    return error ? explain(&stream, error, why, why_size) : 0;
}
