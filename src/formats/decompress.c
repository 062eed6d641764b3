/*
 * Takes the wrapping off. See decompress.h.
 * Context: ordinary code.
 */
#include "formats/decompress.h"

#include "formats/gzip.h"
#include "formats/unzstd.h"

/* A file in itself decompresses for ever; two are what happens when a .pb.gz is put into an archive's format. */
enum { WRAPPINGS_MAX = 3 };

int sp_decompress(struct sp_bytes *bytes, size_t limit, char *why, size_t why_size)
{
    for (unsigned i = 0; i < WRAPPINGS_MAX; i++) {
        struct sp_bytes plain = {0};
        int error;
        if (sp_is_gzip(bytes->at, bytes->n))
            error = sp_gunzip(bytes->at, bytes->n, limit, &plain, why, why_size);
        else if (sp_is_zstd(bytes->at, bytes->n))
            error = sp_unzstd(bytes->at, bytes->n, limit, &plain, why, why_size);
        else
            return 0;
        if (error) {
            sp_bytes_done(&plain);
            return error;
        }
        sp_bytes_done(bytes);
        *bytes = plain;
    }
    return 0;
}
