/*
 * libFuzzer target: profile.proto, bare or in gzip. See fuzz_format.h.
 */
#include "fuzz_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_format("pprof", data, size);
}
