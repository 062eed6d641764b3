/*
 * Reads the index of a package (DWARF 5, 7.3.5; before it GNU's, of version 2). See dwarf_package.h for the picture.
 *
 * Context: ordinary code; what is open may be read by several threads.
 */
#include "symbolize/dwarf_package.h"

#include "util/reader.h"

#include <errno.h>

#define HEADER_BYTES 16
/* Sections that a unit may have parts of: eight, in both versions. */
#define COLUMNS_MAX 64
/* Work of a slot that is looked at. Honest tables have a free one after a few; any number of units may look for it. */
#define SLOT_WORK 64

/* How columns name sections. */
enum { COLUMN_INFO = 1, COLUMN_ABBREV = 3, COLUMN_LINE = 4, COLUMN_STR_OFFSETS = 6, COLUMN_RNGLISTS_5 = 8 };

/* A number of four or eight bytes in the index, or 0. */
static uint64_t number_at(struct sp_dwarf_view *view, uint64_t offset, size_t size)
{
    struct sp_reader reader;
    const uint8_t *bytes = sp_dwarf_view_bytes(view, SP_DWARF_CU_INDEX, offset, size);
    sp_reader_init(&reader, bytes, bytes ? size : 0);
    return sp_reader_fixed(&reader, size);
}

static uint64_t slots_offset(const struct sp_dwarf_package *package)
{
    return HEADER_BYTES + UINT64_C(8) * package->n_slots;
}

static uint64_t columns_offset(const struct sp_dwarf_package *package)
{
    return slots_offset(package) + UINT64_C(4) * package->n_slots;
}

bool sp_dwarf_package_read(struct sp_dwarf_package *package, struct sp_dwarf_view *view)
{
    const uint64_t whole = view->file->sections[SP_DWARF_CU_INDEX].size;
    package->version = (uint32_t)number_at(view, 0, 4);
    package->n_columns = (uint32_t)number_at(view, 4, 4);
    package->n_rows = (uint32_t)number_at(view, 8, 4);
    package->n_slots = (uint32_t)number_at(view, 12, 4);
    if ((package->version != 2 && package->version != 5) || package->n_columns == 0 || package->n_columns > COLUMNS_MAX)
        return false;
    /* The number of slots is a power of two; at least one is free, or a look-up would not end. */
    if (package->n_slots == 0 || (package->n_slots & (package->n_slots - 1)) != 0)
        return false;
    const uint64_t row = UINT64_C(4) * package->n_columns;
    return columns_offset(package) + row * (1 + UINT64_C(2) * package->n_rows) <= whole;
}

int sp_dwarf_package_open(struct sp_dwarf_package *out, int root, const char *path)
{
    struct sp_dwarf_package package = {.version = 0};
    int error = sp_elf_image_open_sections(&package.image, root, path);
    if (error)
        return error == -ENOMEM || error == -EBADMSG ? error : -ENOENT;
    error = sp_dwarf_file_open(&package.file, &package.image, true);
    if (error) {
        sp_elf_image_close(&package.image);
        return error == -ENOMEM ? error : -EBADMSG;
    }
    struct sp_dwarf_view view = {.file = &package.file};
    const bool is_good = sp_dwarf_package_read(&package, &view);
    sp_dwarf_view_done(&view);
    *out = package;
    if (is_good)
        return 0;
    sp_dwarf_package_close(out);
    return -EBADMSG;
}

void sp_dwarf_package_close(struct sp_dwarf_package *package)
{
    sp_dwarf_file_close(&package->file);
    sp_elf_image_close(&package->image);
}

/* The row of an id, from 1; 0: it has none. */
static uint32_t find_row(const struct sp_dwarf_package *package, struct sp_dwarf_view *view, uint64_t id,
                         uint64_t *work)
{
    const uint32_t mask = package->n_slots - 1;
    uint32_t slot = (uint32_t)id & mask;
    const uint32_t step = ((uint32_t)(id >> 32) & mask) | 1;
    for (uint32_t looked = 0; looked<package->n_slots && * work> 0; looked++, slot = (slot + step) & mask) {
        *work -= *work < SLOT_WORK ? *work : SLOT_WORK;
        const uint64_t found = number_at(view, HEADER_BYTES + UINT64_C(8) * slot, 8);
        const uint32_t row = (uint32_t)number_at(view, slots_offset(package) + UINT64_C(4) * slot, 4);
        if (row == 0)
            return 0;
        if (found == id)
            return row <= package->n_rows ? row : 0;
    }
    return 0;
}

/* The section of a column, or SP_DWARF_N_SECTIONS for one of no interest. */
static enum sp_dwarf_section_id section_of(const struct sp_dwarf_package *package, uint64_t column)
{
    switch (column) {
    case COLUMN_INFO:
        return SP_DWARF_INFO;
    case COLUMN_ABBREV:
        return SP_DWARF_ABBREV;
    case COLUMN_LINE:
        return SP_DWARF_LINE;
    case COLUMN_STR_OFFSETS:
        return SP_DWARF_STR_OFFSETS;
    case COLUMN_RNGLISTS_5:
        return package->version == 5 ? SP_DWARF_RNGLISTS : SP_DWARF_N_SECTIONS;
    default:
        return SP_DWARF_N_SECTIONS;
    }
}

bool sp_dwarf_package_find(const struct sp_dwarf_package *package, struct sp_dwarf_view *view, uint64_t id,
                           uint64_t *work, struct sp_dwarf_parts *out)
{
    const uint32_t row = find_row(package, view, id, work);
    const uint64_t columns = columns_offset(package), row_bytes = UINT64_C(4) * package->n_columns;
    struct sp_dwarf_parts parts = {.at = {{0, 0}}};
    if (row == 0)
        return false;
    for (uint32_t i = 0; i < package->n_columns; i++) {
        const uint64_t in_row = UINT64_C(4) * i;
        const enum sp_dwarf_section_id id_of = section_of(package, number_at(view, columns + in_row, 4));
        if (id_of == SP_DWARF_N_SECTIONS)
            continue;
        struct sp_dwarf_part *part = &parts.at[id_of];
        part->offset = number_at(view, columns + row * row_bytes + in_row, 4);
        part->size = number_at(view, columns + (row + (uint64_t)package->n_rows) * row_bytes + in_row, 4);
        if (part->offset > view->file->sections[id_of].size ||
            part->size > view->file->sections[id_of].size - part->offset)
            return false;
    }
    *out = parts;
    return parts.at[SP_DWARF_INFO].size > 0;
}
