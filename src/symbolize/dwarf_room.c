/*
 * Names the addresses of one unit: its functions, and the files and lines, together.
 *
 * Place on the way of a sample: dwarf_source.c → *this* → dwarf_functions, dwarf_names, dwarf_lines, dwarf_split.
 * The unit's entries are read into one window, and gone over once; what is found in them is described once for each
 * function or inlined call, whatever the number of addresses there.
 *
 * Context: ordinary code; a room by one thread at a time.
 */
#include "symbolize/dwarf_lines.h"
#include "symbolize/dwarf_module.h"
#include "symbolize/dwarf_names.h"
#include "symbolize/dwarf_split.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A function or inlined call, described. */
struct scope {
    struct sp_dwarf_name name;
    const char *call_path; /* NULL: unknown */
    uint32_t call_line, call_column;
};

/* A line table, and the paths of its files that were asked for. */
struct files {
    struct sp_dwarf_lines *lines;
    bool is_open;
    struct sp_dwarf_map known;
    const char **paths;
    size_t n, capacity;
};

struct sp_dwarf_room {
    const struct sp_dwarf_module *module;
    struct sp_dwarf_view program, alternate;
    struct sp_dwarf_window window; /* of the unit's entries */
    struct sp_dwarf_abbrev_cache abbrevs;
    struct sp_dwarf_reading reading;
    struct sp_dwarf_split split;
    struct sp_dwarf_functions functions;
    struct sp_dwarf_names names;
    struct files rows, calls; /* `calls`: of a split unit with a table of its own */
    struct scope *scopes;
    size_t scopes_capacity;
    struct sp_dwarf_place *places;
    size_t places_capacity;
    char directory[PATH_MAX], split_name[PATH_MAX], path[PATH_MAX];
};

struct sp_dwarf_room *sp_dwarf_room_new(const struct sp_dwarf_module *module)
{
    struct sp_dwarf_room *room = calloc(1, sizeof(*room));
    if (!room)
        return NULL;
    room->module = module;
    room->program.file = &module->file;
    room->reading = (struct sp_dwarf_reading){&room->abbrevs, module->work, module->size};
    room->names.program = (struct sp_dwarf_library){&room->program, &module->units};
    room->names.reading = &room->reading;
    if (module->has_alternate) {
        room->alternate.file = &module->alternate.file;
        room->names.alternate = (struct sp_dwarf_library){&room->alternate, &module->alternate.units};
    }
    room->rows.lines = sp_dwarf_lines_new();
    room->calls.lines = sp_dwarf_lines_new();
    if (room->rows.lines && room->calls.lines)
        return room;
    sp_dwarf_room_free(room);
    return NULL;
}

static void free_files(struct files *files)
{
    sp_dwarf_lines_free(files->lines);
    sp_dwarf_map_done(&files->known);
    free(files->paths);
}

void sp_dwarf_room_free(struct sp_dwarf_room *room)
{
    if (!room)
        return;
    sp_dwarf_split_close(&room->split, &room->reading);
    sp_dwarf_names_done(&room->names);
    sp_dwarf_functions_done(&room->functions);
    free_files(&room->rows);
    free_files(&room->calls);
    sp_dwarf_abbrev_cache_done(&room->abbrevs);
    sp_dwarf_window_done(&room->window);
    sp_dwarf_view_done(&room->program);
    sp_dwarf_view_done(&room->alternate);
    free(room->scopes);
    free(room->places);
    free(room);
}

/* Opens the line table that a root names, in the file of its unit. Returns 0, also when there is none, or -ENOMEM. */
static int open_lines(struct sp_dwarf_room *room, struct files *files, const struct sp_dwarf_unit *unit,
                      const struct sp_dwarf_value *lines, uint64_t base, const char *directory)
{
    const struct sp_dwarf_line_unit table = {.file = unit->view->file,
                                             .offset = base + lines->number,
                                             .directory = directory,
                                             .budget = &room->reading.work};
    sp_dwarf_map_clear(&files->known);
    files->n = 0;
    files->is_open = false;
    if (lines->kind != SP_DWARF_OFFSET && lines->kind != SP_DWARF_CONSTANT)
        return 0;
    int error = sp_dwarf_lines_open(files->lines, &table);
    files->is_open = error == 0;
    return error == -ENOMEM ? error : 0;
}

/* Keeps the path of a file. Without memory it is looked up again. */
static void remember(struct files *files, uint64_t file, const char *path)
{
    if (files->n == files->capacity) {
        size_t larger = files->capacity ? 2 * files->capacity : 64;
        void *moved = reallocarray(files->paths, larger, sizeof(*files->paths));
        if (!moved)
            return;
        files->paths = moved;
        files->capacity = larger;
    }
    if (files->n < UINT32_MAX && sp_dwarf_map_add(&files->known, file, (uint32_t)files->n))
        files->paths[files->n++] = path;
}

/* The path of a file of a line table, or NULL. */
static const char *path_of(struct sp_dwarf_room *room, struct files *files, uint64_t file)
{
    uint32_t index;
    if (!files->is_open)
        return NULL;
    if (sp_dwarf_map_find(&files->known, file, &index))
        return files->paths[index];
    const char *path = sp_dwarf_lines_path(files->lines, file, room->path);
    if (path)
        path = sp_dwarf_names_keep(&room->names, path, strlen(path));
    remember(files, file, path);
    return path;
}

/* Copies a text of a first entry. Returns it, or NULL when there is none or it is too long to be a path. */
static const char *copy_path(struct sp_dwarf_room *room, const struct sp_dwarf_unit *unit,
                             const struct sp_dwarf_value *value, char out[PATH_MAX])
{
    const char *text = sp_dwarf_names_text(&room->names, unit, value);
    const size_t length = text ? strnlen(text, PATH_MAX) : 0;
    if (length == 0 || length == PATH_MAX)
        return NULL;
    return memcpy(out, text, length + 1);
}

/* A unit that is open: where its code is said to be, and where its entries are. */
struct open_unit {
    struct sp_dwarf_unit program, *entries;
    struct sp_dwarf_root root, *entries_root;
    const char *directory;
};

/* Opens the unit that has the entries of a skeleton; without it, there are the skeleton's own. */
static int open_split(struct sp_dwarf_room *room, struct open_unit *unit)
{
    const struct sp_dwarf_module *module = room->module;
    const struct sp_dwarf_split_place place = {
        .package = module->has_package ? &module->package : NULL,
        .directory = unit->directory,
        .name = copy_path(room, &unit->program, &unit->root.split_name, room->split_name),
        .root = module->root,
        .program_directory = module->directory};
    int error = sp_dwarf_split_open(&room->split, &unit->program, &place, &room->reading);
    if (error)
        return error == -ENOMEM ? error : 0;
    unit->entries = &room->split.unit;
    unit->entries_root = &room->split.root;
    return 0;
}

/* Opens a unit by its offset. */
static int open_unit(struct sp_dwarf_room *room, uint64_t offset, struct open_unit *unit)
{
    int error = sp_dwarf_unit_read(&unit->program, &room->program, offset);
    const struct sp_dwarf_abbrevs *abbrevs =
        error ? NULL : sp_dwarf_unit_abbrevs(&unit->program, &room->reading, &error);
    if (!error)
        error = sp_dwarf_unit_root(&unit->program, abbrevs, &unit->root);
    if (error)
        return error;
    unit->entries = &unit->program;
    unit->entries_root = &unit->root;
    unit->directory = copy_path(room, &unit->program, &unit->root.directory, room->directory);
    if (unit->root.split_name.kind != SP_DWARF_NOTHING)
        error = open_split(room, unit);
    return error;
}

/* Makes room for `n` entries of `size` bytes. */
static bool reserve(void **at, size_t n, size_t *capacity, size_t size)
{
    if (n <= *capacity)
        return true;
    void *moved = reallocarray(*at, n, size);
    if (!moved)
        return false;
    *at = moved;
    *capacity = n;
    return true;
}

/* Opens the line tables, and looks up the addresses. */
static int find_places(struct sp_dwarf_room *room, const struct open_unit *unit, const struct sp_dwarf_want *wants,
                       size_t n)
{
    void *at = room->places;
    int error = open_lines(room, &room->rows, &unit->program, &unit->root.lines, 0, unit->directory);
    if (!error && unit->entries != &unit->program)
        error = open_lines(room, &room->calls, unit->entries, &unit->entries_root->lines, room->split.lines,
                           unit->directory);
    if (error || !reserve(&at, n, &room->places_capacity, sizeof(*room->places)))
        return -ENOMEM;
    room->places = at;
    for (size_t i = 0; i < n; i++)
        room->places[i] = (struct sp_dwarf_place){.vaddr = wants[i].vaddr};
    if (room->rows.is_open)
        sp_dwarf_lines_find(room->rows.lines, room->places, n);
    return 0;
}

/* Finds the functions at the addresses, and describes them. */
static int find_scopes(struct sp_dwarf_room *room, const struct open_unit *unit, struct sp_dwarf_want *wants, size_t n)
{
    const struct sp_dwarf_unit *from = unit->entries;
    struct sp_dwarf_functions *functions = &room->functions;
    struct files *files = from != &unit->program && room->calls.is_open ? &room->calls : &room->rows;
    struct sp_dwarf_entries entries;
    struct sp_dwarf_call call;
    void *at = room->scopes;
    int error = sp_dwarf_entries_init(&entries, from, unit->entries_root, &room->reading, &room->window);
    if (!error)
        error = sp_dwarf_names_begin(&room->names, from, entries.reader.base);
    if (!error)
        error = sp_dwarf_functions_read(functions, &entries, room->module->image, wants, n, &room->reading.work);
    if (error)
        return error;
    if (!reserve(&at, functions->n_scopes, &room->scopes_capacity, sizeof(*room->scopes)))
        return -ENOMEM;
    room->scopes = at;
    for (size_t i = 0; i < functions->n_scopes; i++) {
        struct scope *scope = &room->scopes[i];
        sp_dwarf_names_read(&room->names, functions->scopes[i], &scope->name, &call);
        scope->call_path = call.has_file ? path_of(room, files, call.file) : NULL;
        scope->call_line = call.line;
        scope->call_column = call.column;
    }
    return 0;
}

/* Writes the frames of an address. Returns how many; one without a name where there are only lines. */
static uint32_t frames_of(struct sp_dwarf_room *room, const struct sp_dwarf_want *want,
                          const struct sp_dwarf_place *place, struct sp_named_frame *frames)
{
    struct sp_named_frame next = {.line = place->line, .column = place->column};
    uint32_t n = 0;
    if (place->is_known)
        next.filename = path_of(room, &room->rows, place->file);
    for (uint32_t at = want->top; at != SP_DWARF_NO_NODE && n < SP_FRAMES_MAX; n++) {
        const struct sp_dwarf_node *node = &room->functions.nodes[at];
        const struct scope *scope = &room->scopes[node->scope];
        frames[n] = next;
        frames[n].system_name = scope->name.system_name;
        frames[n].name = scope->name.name;
        if (node->level > 0 && !frames[n].system_name)
            frames[n].system_name = frames[n].name;
        frames[n].start_line = scope->name.start_line;
        next = (struct sp_named_frame){
            .filename = scope->call_path, .line = scope->call_line, .column = scope->call_column};
        at = node->next;
    }
    if (n == 0 && next.filename)
        frames[n++] = next;
    return n;
}

int sp_dwarf_room_name(struct sp_dwarf_room *room, struct sp_dwarf_want *wants, size_t n, sp_frame_sink *sink,
                       void *arg)
{
    struct sp_named_frame frames[SP_FRAMES_MAX];
    struct open_unit unit;
    int error = open_unit(room, room->module->units.offsets[wants[0].unit], &unit);
    if (!error)
        error = find_places(room, &unit, wants, n);
    if (!error)
        error = find_scopes(room, &unit, wants, n);
    for (size_t i = 0; i < n && !error; i++) {
        const uint32_t n_frames = frames_of(room, &wants[i], &room->places[i], frames);
        if (n_frames > 0)
            sink(arg, wants[i].index, frames, n_frames);
    }
    sp_dwarf_split_close(&room->split, &room->reading);
    return error == -ENOMEM ? error : 0;
}
