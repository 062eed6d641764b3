/*
 * zstd by libzstd. See zstd_out.h.
 * Context: ordinary code.
 */
#include "formats/zstd_out.h"

#include <errno.h>
#include <zstd.h>

#include "formats/bytes.h"

int sp_zstd(const uint8_t *data, size_t size, struct sp_bytes *out)
{
    if (!sp_bytes_reserve(out, ZSTD_compressBound(size)))
        return out->error;
    const size_t n = ZSTD_compress(out->at + out->n, out->capacity - out->n, data, size, ZSTD_CLEVEL_DEFAULT);
    if (ZSTD_isError(n)) /* there is room enough, so that it lacks memory for its own */
        return -ENOMEM;
    out->n += n;
    return 0;
}
