/*
 * How zstd is told from other bytes; needs no library. See unzstd.h.
 * Source: RFC 8878, 3.1.
 * Context: ordinary code.
 */
#include "formats/unzstd.h"

bool sp_is_zstd(const uint8_t *data, size_t size)
{
    if (size < 4)
        return false;
    const uint32_t magic = data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
    return magic == 0xfd2fb528 || (magic & 0xfffffff0) == 0x184d2a50;
}
