/*
 * How finely frames are told apart: what does not count is forgotten, so that reports see it as equal.
 *
 * Locations that become the same stay two. Mappings say no longer that they have what is forgotten.
 *
 * Place on the way of a sample: see selection.h. Context: ordinary code of one thread.
 */
#include "select/selection.h"

/* What is kept. */
struct kept {
    bool functions, files, lines, columns, addresses, inlines;
};

static struct kept kept_of(const struct sp_granularity_options *options)
{
    struct kept kept = {.columns = options->has_columns, .inlines = !options->has_no_inlines};
    kept.functions = options->by != SP_BY_FILE;
    kept.files = options->by != SP_BY_FUNCTION;
    kept.lines = options->by == SP_BY_LINE || options->by == SP_BY_ADDRESS;
    kept.addresses = options->by == SP_BY_ADDRESS;
    return kept;
}

static void forget_of_mappings(struct sp_profile *profile, const struct kept *kept)
{
    for (size_t i = 0; i < profile->mappings.n; i++) {
        struct sp_mapping *mapping = &profile->mappings.at[i];
        mapping->has_inline_frames = mapping->has_inline_frames && kept->inlines;
        mapping->has_functions = mapping->has_functions && kept->functions;
        mapping->has_filenames = mapping->has_filenames && kept->files;
        mapping->has_line_numbers = mapping->has_line_numbers && kept->lines;
    }
}

static void forget_of_functions(struct sp_profile *profile, const struct kept *kept)
{
    for (size_t i = 0; i < profile->functions.n; i++) {
        struct sp_function *function = &profile->functions.at[i];
        if (!kept->functions)
            function->name = function->system_name = 0;
        if (!kept->files)
            function->filename = 0;
    }
}

static void forget_of_location(struct sp_profile *profile, struct sp_location *location, const struct kept *kept)
{
    if (!kept->inlines && location->n_lines > 1) {
        location->first_line += location->n_lines - 1;
        location->n_lines = 1;
    }
    struct sp_line *lines = profile->lines.at + location->first_line;
    for (uint32_t i = 0; i < location->n_lines; i++) {
        if (!kept->lines)
            lines[i].line = 0;
        if (!kept->lines || !kept->columns)
            lines[i].column = 0;
    }
    if (!kept->addresses)
        location->address = 0;
}

int sp_select_granularity(struct sp_profile *profile, const struct sp_granularity_options *options)
{
    if (options->by == SP_BY_ADDRESS && !options->has_no_inlines)
        return 0;
    const struct kept kept = kept_of(options);
    forget_of_mappings(profile, &kept);
    if (!kept.functions || !kept.files)
        forget_of_functions(profile, &kept);
    for (size_t i = 0; i < profile->locations.n; i++)
        forget_of_location(profile, &profile->locations.at[i], &kept);
    return 0;
}
