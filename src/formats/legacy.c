/*
 * The legacy CPU profile's entry in the table of formats.
 * Context: ordinary code.
 */
#include "formats/legacy.h"

const struct sp_format sp_format_legacy = {
    .name = "legacy",
    .description = "the binary CPU profile of gperftools: addresses and mappings, no names",
    .is_binary = true,
    .looks_like = sp_legacy_looks_like,
    .read = sp_legacy_read,
    .write = sp_legacy_write,
};
