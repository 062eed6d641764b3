/*
 * Frames of locations, and their names. See location_frames.h.
 * Context: ordinary code.
 */
#include "formats/location_frames.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The number of frames: of lines, and of locations without. */
static size_t count_frames(const struct sp_profile *profile)
{
    size_t n = 0;
    for (size_t i = 0; i < profile->locations.n; i++)
        n += profile->locations.at[i].n_lines > 0 ? profile->locations.at[i].n_lines : 1;
    return n;
}

/* Appends the frames of a location: false when there is no memory. */
static bool add_location(struct sp_location_frames *list, const struct sp_profile *profile, uint32_t i,
                         uint32_t (*intern)(void *user, const struct sp_frame_place *place), void *user)
{
    const struct sp_location *location = &profile->locations.at[i];
    const uint32_t n = location->n_lines > 0 ? location->n_lines : 1;
    size_t at = list->first[i];
    for (uint32_t line = 0; line < n; line++) {
        const struct sp_frame_place place = {
            .location = location,
            .line = location->n_lines > 0 ? &profile->lines.at[location->first_line + line] : NULL,
            .depth = n - 1 - line,
        };
        list->at[at] = intern(user, &place);
        if (list->at[at++] == SP_NONE)
            return false;
    }
    list->first[i + 1] = at;
    return true;
}

int sp_location_frames_init(struct sp_location_frames *list, const struct sp_profile *profile,
                            uint32_t (*intern)(void *user, const struct sp_frame_place *place), void *user)
{
    const size_t n_frames = count_frames(profile);
    *list = (struct sp_location_frames){
        .first = calloc(profile->locations.n + 1, sizeof *list->first),
        .at = calloc(n_frames + 1, sizeof *list->at),
    };
    bool is_good = list->first != NULL && list->at != NULL;
    for (uint32_t i = 0; is_good && i < profile->locations.n; i++)
        is_good = add_location(list, profile, i, intern, user);
    if (is_good)
        return 0;
    sp_location_frames_done(list);
    return -ENOMEM;
}

void sp_location_frames_done(struct sp_location_frames *list)
{
    free(list->first);
    free(list->at);
    *list = (struct sp_location_frames){0};
}

const char *sp_path_base(const char *path, size_t *length)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    *length = end - start;
    return path + start;
}

/* The mapping's file, or "". */
static const char *file_of(const struct sp_profile *profile, const struct sp_location *location)
{
    if (location->mapping == SP_NONE)
        return "";
    return sp_profile_text(profile, profile->mappings.at[location->mapping].file);
}

struct sp_frame_name sp_frame_name(const struct sp_profile *profile, const struct sp_frame_place *place,
                                   char buffer[SP_FRAME_NAME_BYTES])
{
    const uint32_t function = place->line != NULL ? place->line->function : SP_NONE;
    const struct sp_function *known = function != SP_NONE ? &profile->functions.at[function] : NULL;
    const char *name = known ? sp_profile_text(profile, known->name ? known->name : known->system_name) : "";
    const char *file = file_of(profile, place->location);
    struct sp_frame_name shown = {"", name, "", 0};
    if (name[0] == '\0' && file[0] != '\0') {
        shown.text = sp_path_base(file, &shown.length);
        const bool has_brackets = shown.text[0] == '['; /* "[vdso]" */
        shown.open = has_brackets ? "" : "[";
        shown.close = has_brackets ? "" : "]";
        return shown;
    }
    if (name[0] == '\0' && place->location->address != 0) {
        snprintf(buffer, SP_FRAME_NAME_BYTES, "0x%" PRIx64, place->location->address);
        shown.text = buffer;
    } else if (name[0] == '\0') {
        shown.text = "<unknown>";
    }
    shown.length = strlen(shown.text);
    return shown;
}

size_t sp_write_value_index(const struct sp_profile *profile, const struct sp_write_options *options)
{
    const size_t n = profile->sample_types.n;
    if (options != NULL && options->value_index < n)
        return options->value_index;
    for (size_t i = 0; profile->default_sample_type != 0 && i < n; i++) {
        if (profile->sample_types.at[i].type == profile->default_sample_type)
            return i;
    }
    return n > 0 ? n - 1 : 0;
}
