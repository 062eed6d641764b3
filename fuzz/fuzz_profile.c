/*
 * libFuzzer target: a file of any format, compressed or not, as a command reads it. See fuzz_format.h.
 */
#include "formats/bytes.h"
#include "fuzz_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sp_bytes bytes = {0};
    struct sp_profile *profile;
    char why[FUZZ_WHY_BYTES] = "";
    sp_bytes_put(&bytes, data, size);
    const int error = sp_profile_read_bytes(&bytes, FUZZ_LIMIT, &profile, why, sizeof why);
    require(bytes.at == NULL && bytes.n == 0);
    if (error == 0)
        fuzz_check_profile(profile);
    else
        fuzz_check_error(error, why);
    return 0;
}
