/*
 * Opens a module: its image, the file with its DWARF, and the files that that refers to. See dwarf_module.h.
 *
 * Context: ordinary code of one thread at a time.
 */
#include "symbolize/dwarf_module.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/*
 * What may be read of abbreviations, ranges, line tables, and entries of other units, which any number of entries may
 * refer to: so many bytes in any case, and so many for each of the file. Honest files take less than two.
 */
#define WORK_MIN (UINT64_C(64) << 20)
#define WORK_PER_BYTE 8

void sp_dwarf_module_close(struct sp_dwarf_module *module)
{
    if (module->has_package)
        sp_dwarf_package_close(&module->package);
    if (module->has_alternate)
        sp_dwarf_alternate_close(&module->alternate);
    sp_dwarf_units_done(&module->units);
    sp_dwarf_file_close(&module->file);
    sp_elf_symbols_done(&module->symbols);
    if (module->debug == &module->separate)
        sp_elf_image_close(&module->separate);
    free(module->directory);
}

/* Finds the file with the DWARF. */
static int open_debug_file(struct sp_dwarf_module *module, const struct sp_image_place *place,
                           const struct sp_debug_places *places)
{
    bool is_separate;
    int error = sp_debug_file_open(&module->separate, &is_separate, module->image, place, places);
    if (error)
        return error;
    module->debug = is_separate ? &module->separate : module->image;
    return is_separate && sp_elf_symbols_init(&module->symbols, module->debug) == -ENOMEM ? -ENOMEM : 0;
}

static uint64_t size_of(const struct sp_elf_image *debug)
{
    struct stat st;
    return fstat(debug->fd, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

/* Tries the package PREFIX PATH.dwp. Returns 0, also when there is none, or -ENOMEM. */
static int try_package(struct sp_dwarf_module *module, const struct sp_image_place *prefix, const char *path)
{
    char name[2 * PATH_MAX];
    int length = snprintf(name, sizeof(name), "%s%s.dwp", prefix->path, path);
    if (module->has_package || length < 0 || (size_t)length >= sizeof(name))
        return 0;
    int error = sp_dwarf_package_open(&module->package, prefix->root, name);
    module->has_package = error == 0;
    return error == -ENOMEM ? error : 0;
}

/* Looks for a package of split units: beside the program, and where debug files are, by build id and by path. */
static int open_package(struct sp_dwarf_module *module, const struct sp_image_place *place,
                        const struct sp_debug_places *places)
{
    const struct sp_image_place beside = {place->root, ""};
    const char *id = module->image->build_id;
    const bool has_id = strlen(id) > 2;
    char by_id[2 * SP_ELF_BUILD_ID_MAX + 16];
    int error = try_package(module, &beside, place->path);
    snprintf(by_id, sizeof(by_id), "/.build-id/%.2s/%s", id, has_id ? id + 2 : "");
    for (size_t i = 0; i < sp_debug_n_directories(places) && !error; i++) {
        const struct sp_image_place directory = sp_debug_directory(places, place->root, i);
        error = has_id ? try_package(module, &directory, by_id) : 0;
        if (!error)
            error = try_package(module, &directory, place->path);
    }
    return error;
}

/* Opens the files that the DWARF refers to. Returns 0, also when they are not there, or -ENOMEM. */
static int open_others(struct sp_dwarf_module *module, const struct sp_image_place *place,
                       const struct sp_debug_places *places, struct sp_dwarf_reading *reading)
{
    int error = sp_dwarf_alternate_open(&module->alternate, module->debug, place, places, reading);
    module->has_alternate = error == 0;
    if (error == -ENOMEM || !module->units.has_split)
        return error == -ENOMEM ? error : 0;
    const char *slash = strrchr(place->path, '/');
    module->root = place->root;
    module->directory = slash ? strndup(place->path, (size_t)(slash - place->path)) : NULL;
    return open_package(module, place, places);
}

static int open_units(struct sp_dwarf_module *module, const struct sp_image_place *place,
                      const struct sp_debug_places *places)
{
    struct sp_dwarf_abbrev_cache *cache = calloc(1, sizeof(*cache));
    struct sp_dwarf_view view = {.file = &module->file};
    if (!cache)
        return -ENOMEM;
    module->size = size_of(module->debug);
    module->work = WORK_MIN + WORK_PER_BYTE * module->size;
    struct sp_dwarf_reading reading = {cache, module->work, module->size};
    int error = sp_dwarf_units_init(&module->units, &view, module->image, &reading);
    if (!error)
        error = open_others(module, place, places, &reading);
    sp_dwarf_view_done(&view);
    sp_dwarf_abbrev_cache_done(cache);
    free(cache);
    return error;
}

int sp_dwarf_module_open(struct sp_dwarf_module *module, const struct sp_module *file,
                         const struct sp_debug_places *places)
{
    *module = (struct sp_dwarf_module){.image = file->image, .root = -1};
    int error = open_debug_file(module, &file->place, places);
    if (!error)
        error = sp_dwarf_file_open(&module->file, module->debug, false);
    if (!error)
        error = open_units(module, &file->place, places);
    if (error)
        sp_dwarf_module_close(module);
    return error;
}
