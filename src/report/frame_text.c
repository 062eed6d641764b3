/*
 * What reports that show stacks write for a frame. See frame_text.h.
 * Context: ordinary code.
 */
#include "report/frame_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "report/names.h"

void sp_text_room_done(struct sp_text_room *room)
{
    free(room->at);
    *room = (struct sp_text_room){0};
}

/* Whether `room` holds `size` bytes now. */
static bool has_room(struct sp_text_room *room, size_t size)
{
    if (size <= room->size)
        return true;
    char *larger = realloc(room->at, size + size / 2);
    if (!larger)
        return false;
    *room = (struct sp_text_room){larger, size + size / 2};
    return true;
}

const char *sp_function_shown_name(const struct sp_profile *profile, const struct sp_function *function,
                                   struct sp_text_room *room)
{
    const char *name = sp_profile_text(profile, function->name);
    if (name[0] != '\0' && function->name != function->system_name)
        return name;
    name = sp_profile_text(profile, function->system_name);
    if (!sp_name_is_long_form(name))
        return name;
    if (!has_room(room, strlen(name) + 1))
        return NULL;
    strcpy(room->at, name);
    sp_name_shorten(room->at);
    return room->at;
}

/* The path as Go's path/filepath cleans it. NULL: no memory. */
static const char *clean_path(const char *path, struct sp_text_room *room)
{
    if (path[0] == '\0' || sp_path_is_clean(path))
        return path;
    if (!has_room(room, strlen(path) + 1))
        return NULL;
    strcpy(room->at, path);
    sp_path_clean(room->at);
    return room->at;
}

/* The last part of a name: where, or what there is instead of both. `space` stands before it. */
static int print_place(const struct sp_profile *profile, const struct sp_line *line, bool has_name, const char *object,
                       struct sp_text_room *room, const char *space, FILE *out)
{
    const char *file = "";
    int64_t number = line ? line->line : 0;
    if (line)
        file = sp_profile_text(profile, profile->functions.at[line->function].filename);
    file = clean_path(file, room);
    if (!file)
        return -ENOMEM;
    size_t length;
    const char *base = sp_base_name(object, &length);
    if (number != 0 && line->column != 0)
        fprintf(out, "%s%s:%" PRId64 ":%" PRId64, space, file, number, line->column);
    else if (number != 0)
        fprintf(out, "%s%s:%" PRId64, space, file, number);
    else if (file[0] != '\0')
        fprintf(out, "%s%s", space, file);
    else if (!has_name && object[0] != '\0')
        fprintf(out, "%s[%.*s]", space, (int)length, base);
    else if (!has_name)
        fprintf(out, "%s<unknown>", space);
    return 0;
}

int sp_frame_print(const struct sp_profile *profile, const struct sp_location *location, const struct sp_line *line,
                   struct sp_text_room *room, FILE *out)
{
    if (line && line->function == SP_NONE)
        line = NULL;
    const char *name = "", *space = "";
    if (line)
        name = sp_function_shown_name(profile, &profile->functions.at[line->function], room);
    if (!name)
        return -ENOMEM;
    if (location->address != 0) {
        fprintf(out, "%016" PRIx64, location->address);
        space = " ";
    }
    bool has_name = name[0] != '\0';
    if (has_name) {
        fprintf(out, "%s%s", space, name);
        space = " ";
    }
    return print_place(profile, line, has_name, sp_mapping_file(profile, location->mapping), room, space, out);
}

size_t sp_text_width(const char *text, size_t n)
{
    size_t width = 0;
    for (size_t i = 0; i < n; i++)
        width += ((unsigned char)text[i] & 0xc0) != 0x80;
    return width;
}

void sp_print_padded(const char *text, size_t width, FILE *out)
{
    size_t length = strlen(text), used = sp_text_width(text, length);
    fprintf(out, "%*s%s", (int)(used < width ? width - used : 0), "", text);
}
