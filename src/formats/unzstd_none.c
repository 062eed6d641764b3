/*
 * In place of unzstd.c where there is no libzstd. See unzstd.h.
 * Context: ordinary code.
 */
#include <errno.h>
#include <stdio.h>

#include "formats/unzstd.h"

int sp_unzstd(const uint8_t *data, size_t size, size_t limit, struct sp_bytes *out, char *why, size_t why_size)
{
    (void)data, (void)size, (void)limit, (void)out;
    snprintf(why, why_size, "it is compressed by zstd, which this sigprof was built without; zstd -dc FILE reads it");
    return -ENOTSUP;
}
