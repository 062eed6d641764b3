/*
 * Folded stacks' entry in the table of formats.
 * Context: ordinary code.
 */
#include "formats/folded.h"

const struct sp_format sp_format_folded = {
    .name = "folded",
    .description = "a line of text for each stack, as flame graphs are made of",
    .suffixes = ".folded .collapsed .txt",
    .has_names = true,
    .looks_like = sp_folded_looks_like,
    .read = sp_folded_read,
    .write = sp_folded_write,
};
