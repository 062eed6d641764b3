/*
 * What the fuzz targets of the readers of formats have in common: the input is a file, of the format that the target is
 * for, and read within a limit of memory.
 *
 * Asserted besides the sanitizers: what is read holds together, what is not has an error that the reader may give and
 * one line that says why; a profile is within its limit; it can be written as profile.proto, and that is read again
 * with as many samples; and looks_like tells without reading too far.
 */
#ifndef SIGPROF_FUZZ_FORMAT_H
#define SIGPROF_FUZZ_FORMAT_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/formats.h"

enum { FUZZ_LIMIT = 32 << 20, FUZZ_WHY_BYTES = 300 };

/* A fault of the code that is tested. */
#define require(condition) \
    ((condition) ? (void)0 : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), abort()))

static inline void fuzz_check_error(int error, const char *why)
{
    require(error == -EINVAL || error == -EFBIG);
    require(why[0] != '\0' && strlen(why) < FUZZ_WHY_BYTES - 1 && strchr(why, '\n') == NULL);
}

static inline void fuzz_check_profile(struct sp_profile *profile)
{
    struct sp_bytes bytes = {0};
    struct sp_profile *again;
    char why[FUZZ_WHY_BYTES] = "";
    if (sp_profile_check(profile, why, sizeof why) != 0)
        fprintf(stderr, "%s\n", why);
    require(why[0] == '\0');
    require(sp_profile_error(profile) == 0 && profile->memory_bytes <= FUZZ_LIMIT);
    require(sp_format_find("proto")->write(profile, NULL, &bytes) == 0);
    require(sp_format_find("pprof")->read(bytes.at, bytes.n, 4 * (size_t)FUZZ_LIMIT, &again, why, sizeof why) == 0);
    require(again->samples.n == profile->samples.n && again->locations.n == profile->locations.n);
    sp_profile_free(again);
    sp_bytes_done(&bytes);
    sp_profile_free(profile);
}

static inline int fuzz_format(const char *name, const uint8_t *data, size_t size)
{
    const struct sp_format *format = sp_format_find(name);
    struct sp_profile *profile;
    char why[FUZZ_WHY_BYTES] = "";
    format->looks_like(data, size);
    const int error = format->read(data, size, FUZZ_LIMIT, &profile, why, sizeof why);
    if (error == 0)
        fuzz_check_profile(profile);
    else
        fuzz_check_error(error, why);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
