/*
 * Names link-time addresses of a file by sp_symbolize_profile, and prints them as llvm-symbolizer does:
 *
 *   name_addresses FILE < addresses     hex, one a line, any order
 *
 * prints for each address its frames, innermost first, as two lines "system name" and "file:line:column", then an empty
 * line. What is not known is "??". With --names, a line "name" and one "start line" are in front of these two.
 * compare_symbols.py is who reads this.
 */
#include "symbolize/elf_image.h"
#include "symbolize/symbolize.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Adds a mapping for each segment, as if each were loaded where it was linked to be. */
static void add_mappings(struct sp_profile *profile, const struct sp_elf_image *image, const char *path)
{
    for (size_t i = 0; i < image->n_segments; i++) {
        const struct sp_elf_segment *segment = &image->segments[i];
        struct sp_mapping mapping = {.start = segment->vaddr,
                                     .limit = segment->vaddr + segment->file_size,
                                     .file_offset = segment->file_offset,
                                     .file = sp_profile_string(profile, path),
                                     .build_id = sp_profile_string(profile, image->build_id)};
        sp_profile_add_mapping(profile, &mapping);
    }
}

static uint32_t mapping_of(const struct sp_profile *profile, uint64_t address)
{
    for (uint32_t i = 0; i < profile->mappings.n; i++)
        if (address >= profile->mappings.at[i].start && address < profile->mappings.at[i].limit)
            return i;
    return SP_NONE;
}

static const char *or_unknown(const char *text)
{
    return text[0] ? text : "??";
}

static void print_location(const struct sp_profile *profile, uint32_t index, bool has_names)
{
    const struct sp_location *location = &profile->locations.at[index];
    if (location->n_lines == 0)
        printf("??\n??:0:0\n");
    for (uint32_t i = 0; i < location->n_lines; i++) {
        const struct sp_line *line = &profile->lines.at[location->first_line + i];
        const struct sp_function *function = &profile->functions.at[line->function];
        if (has_names)
            printf("%s\n%" PRId64 "\n", sp_profile_text(profile, function->name), function->start_line);
        printf("%s\n%s:%" PRId64 ":%" PRId64 "\n", or_unknown(sp_profile_text(profile, function->system_name)),
               or_unknown(sp_profile_text(profile, function->filename)), line->line, line->column);
    }
    putchar('\n');
}

int main(int argc, char **argv)
{
    bool has_names = argc == 3 && strcmp(argv[1], "--names") == 0;
    const char *path = argv[argc - 1];
    struct sp_elf_image image;
    struct sp_profile *profile = sp_profile_new();
    char text[64];
    if (argc != 2 + has_names || !profile || sp_elf_image_open_file(&image, path) != 0) {
        fprintf(stderr, "usage: name_addresses [--names] FILE < addresses\n");
        return 2;
    }
    add_mappings(profile, &image, path);
    sp_elf_image_close(&image);
    uint32_t n = 0, *asked = NULL;
    while (fgets(text, sizeof(text), stdin)) {
        uint64_t address = strtoull(text, NULL, 16);
        asked = realloc(asked, (n + 1) * sizeof(*asked));
        if (!asked)
            return 1;
        asked[n++] = sp_profile_location(profile, mapping_of(profile, address), address);
    }
    if (sp_symbolize_profile(profile, NULL, NULL) != 0)
        return 1;
    for (uint32_t i = 0; i < n; i++)
        print_location(profile, asked[i], has_names);
    free(asked);
    sp_profile_free(profile);
    return 0;
}
