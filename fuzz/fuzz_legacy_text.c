/*
 * libFuzzer target: heap, contention, thread and goroutine profiles as text. See fuzz_format.h.
 */
#include "fuzz_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_format("legacy-text", data, size);
}
