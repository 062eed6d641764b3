/*
 * libFuzzer target: legacy CPU profiles, with the memory map behind them. See fuzz_format.h.
 */
#include "fuzz_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_format("legacy", data, size);
}
