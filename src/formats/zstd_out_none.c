/*
 * No zstd. See zstd_out.h.
 * Context: ordinary code.
 */
#include "formats/zstd_out.h"

#include <errno.h>

int sp_zstd(const uint8_t *data, size_t size, struct sp_bytes *out)
{
    (void)data, (void)size, (void)out;
    return -ENOSYS;
}
