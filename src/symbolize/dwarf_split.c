/*
 * Finds and opens split units. See dwarf_split.h for the place and the contract.
 *
 * Context: ordinary code of one thread at a time.
 */
#include "symbolize/dwarf_split.h"

#include <dwarf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Work of a unit that another skeleton's file has, too: any number of them may name one file. */
#define UNIT_WORK 16

/* Reads the unit at an offset and its first entry; `parts` is NULL outside of a package. */
static int read_unit(struct sp_dwarf_split *split, uint64_t offset, const struct sp_dwarf_parts *parts,
                     struct sp_dwarf_reading *reading)
{
    struct sp_dwarf_unit *unit = &split->unit;
    int error = sp_dwarf_unit_read(unit, &split->view, offset);
    if (error)
        return error;
    if (unit->type != DW_UT_compile && unit->type != DW_UT_split_compile)
        return -ENOENT;
    if (parts)
        unit->abbrevs += parts->at[SP_DWARF_ABBREV].offset;
    const struct sp_dwarf_abbrevs *abbrevs = sp_dwarf_unit_abbrevs(unit, reading, &error);
    if (!error)
        error = sp_dwarf_unit_root(unit, abbrevs, &split->root);
    if (error || !parts)
        return error;
    unit->bases.text_offsets += parts->at[SP_DWARF_STR_OFFSETS].offset;
    unit->bases.range_lists += parts->at[SP_DWARF_RNGLISTS].offset;
    return 0;
}

/* Looks for the skeleton's unit in a file. */
static int find_unit(struct sp_dwarf_split *split, const struct sp_dwarf_unit *skeleton,
                     struct sp_dwarf_reading *reading)
{
    split->unit.end = 0;
    do {
        reading->work -= reading->work < UNIT_WORK ? reading->work : UNIT_WORK;
        int error = read_unit(split, split->unit.end, NULL, reading);
        if (error == -ENOMEM || (error == 0 && split->unit.id == skeleton->id))
            return error;
    } while (split->unit.end > 0 && reading->work > 0);
    return -ENOENT;
}

static int open_packaged(struct sp_dwarf_split *split, const struct sp_dwarf_unit *skeleton,
                         const struct sp_dwarf_package *package, struct sp_dwarf_reading *reading)
{
    struct sp_dwarf_parts parts;
    split->view.file = &package->file;
    if (!sp_dwarf_package_find(package, &split->view, skeleton->id, &reading->work, &parts))
        return -ENOENT;
    int error = read_unit(split, parts.at[SP_DWARF_INFO].offset, &parts, reading);
    split->lines = parts.at[SP_DWARF_LINE].offset;
    if (error == 0 && split->unit.id == skeleton->id)
        return 0;
    return error == -ENOMEM ? error : -ENOENT;
}

/* Sections that had to be decompressed take their share of work: any number of skeletons may name one file. */
static void pay(struct sp_dwarf_reading *reading, const struct sp_dwarf_file *file)
{
    for (size_t i = 0; i < SP_DWARF_N_SECTIONS; i++) {
        const uint64_t share = file->sections[i].bytes ? file->sections[i].size / 16 : 0;
        reading->work -= share < reading->work ? share : reading->work;
    }
}

static int open_file(struct sp_dwarf_split *split, const struct sp_dwarf_unit *skeleton, int root, const char *path,
                     struct sp_dwarf_reading *reading)
{
    int error = reading->work > 0 ? sp_elf_image_open_sections(&split->image, root, path) : -ENOENT;
    if (error)
        return error == -ENOMEM ? error : -ENOENT;
    error = sp_dwarf_file_open(&split->file, &split->image, true);
    if (!error)
        pay(reading, &split->file);
    if (!error) {
        split->view.file = &split->file;
        error = find_unit(split, skeleton, reading);
        if (!error)
            return 0;
        sp_dwarf_abbrev_cache_forget(reading->cache, &split->file);
        sp_dwarf_view_done(&split->view);
        sp_dwarf_file_close(&split->file);
    }
    sp_elf_image_close(&split->image);
    return error == -ENOMEM ? error : -ENOENT;
}

/* Opens `directory`/`name`, or `name` alone where there is no directory. */
static int open_in(struct sp_dwarf_split *split, const struct sp_dwarf_unit *skeleton, int root, const char *directory,
                   const char *name, struct sp_dwarf_reading *reading)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s%s%s", directory ? directory : "", directory ? "/" : "", name);
    if (length < 0 || (size_t)length >= sizeof(path) || path[0] != '/')
        return -ENOENT;
    return open_file(split, skeleton, root, path, reading);
}

static int open_named(struct sp_dwarf_split *split, const struct sp_dwarf_unit *skeleton,
                      const struct sp_dwarf_split_place *place, struct sp_dwarf_reading *reading)
{
    const char *name = place->name;
    if (!name)
        return -ENOENT;
    int error = open_in(split, skeleton, place->root, name[0] == '/' ? NULL : place->directory, name, reading);
    if (error != -ENOENT || !place->program_directory)
        return error;
    /* The program has been moved, and its split units with it. */
    if (name[0] != '/')
        error = open_in(split, skeleton, place->root, place->program_directory, name, reading);
    const char *slash = strrchr(name, '/');
    if (error == -ENOENT && slash)
        error = open_in(split, skeleton, place->root, place->program_directory, slash + 1, reading);
    return error;
}

int sp_dwarf_split_open(struct sp_dwarf_split *split, const struct sp_dwarf_unit *skeleton,
                        const struct sp_dwarf_split_place *place, struct sp_dwarf_reading *reading)
{
    *split = (struct sp_dwarf_split){.image.fd = -1, .file.fd = -1};
    int error = place->package ? open_packaged(split, skeleton, place->package, reading) : -ENOENT;
    if (error == -ENOENT) {
        sp_dwarf_view_done(&split->view);
        error = open_named(split, skeleton, place, reading);
    }
    if (error)
        return error;
    sp_dwarf_unit_inherit(&split->unit, skeleton);
    split->is_open = true;
    return 0;
}

void sp_dwarf_split_close(struct sp_dwarf_split *split, struct sp_dwarf_reading *reading)
{
    if (!split->is_open)
        return;
    sp_dwarf_view_done(&split->view);
    if (split->view.file == &split->file) {
        sp_dwarf_abbrev_cache_forget(reading->cache, &split->file);
        sp_dwarf_file_close(&split->file);
        sp_elf_image_close(&split->image);
    }
    split->is_open = false;
}
