/*
 * The index of units by address. See dwarf_units.h for the place and the contract.
 *
 * Context: ordinary code of one thread at a time.
 */
#include "symbolize/dwarf_units.h"

#include "symbolize/dwarf_entries.h"

#include "util/room.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

/* Ranges of different units overlap in damaged files alone; there, one look-up does not look at all of them. */
#define LOOK_BACK_MAX 64
/* How many ranges are kept: each takes 32 bytes here, and code, lines and all more than 16 in an honest file. */
#define RANGES_MIN 4096
#define FILE_BYTES_PER_RANGE 16

/* What the ranges of the last unit are read with. */
struct builder {
    struct sp_dwarf_units *units;
    const struct sp_elf_image *image;
    struct sp_dwarf_reading *reading;
    uint64_t ranges_max;
    struct sp_dwarf_abbrevs root_abbrevs; /* as much of a table as the first entry of a unit needs */
    struct sp_dwarf_window window;        /* of a unit that has to be looked through */
};

/* Adds the ranges of an entry to the last unit. Returns how many there were, wanted or not; or -ENOMEM. */
static int add_ranges(const struct builder *builder, const struct sp_dwarf_unit *unit,
                      const struct sp_dwarf_extent *extent)
{
    struct sp_dwarf_units *units = builder->units;
    struct sp_dwarf_ranges ranges;
    struct sp_dwarf_range range;
    int n = 0;
    sp_dwarf_ranges_init(&ranges, unit, extent, &builder->reading->work);
    for (; sp_dwarf_ranges_next(&ranges, &range); n = 1) {
        if (!sp_elf_image_has_range(builder->image, range.start, range.end) || units->n_ranges >= builder->ranges_max)
            continue;
        void *at = units->ranges;
        if (!sp_make_room(&at, units->n_ranges, &units->ranges_capacity, sizeof(*units->ranges)))
            return -ENOMEM;
        units->ranges = at;
        units->ranges[units->n_ranges++] =
            (struct sp_dwarf_unit_range){.start = range.start, .end = range.end, .unit = (uint32_t)(units->n - 1)};
    }
    return n;
}

/* A unit that does not say where its code is: its functions do. Returns 0 or -ENOMEM. */
static int add_functions(struct builder *builder, const struct sp_dwarf_unit *unit, const struct sp_dwarf_root *root)
{
    struct sp_dwarf_entries entries;
    struct sp_dwarf_entry entry;
    int error = sp_dwarf_entries_init(&entries, unit, root, builder->reading, &builder->window);
    if (error)
        return error == -ENOMEM ? error : 0;
    while (error >= 0 && sp_dwarf_entries_next(&entries, &entry) && entry.abbrev) {
        if (entry.abbrev->tag == DW_TAG_subprogram)
            error = add_ranges(builder, unit, &entry.extent);
        sp_dwarf_entries_skip_children(&entries, &entry);
    }
    return error < 0 ? error : 0;
}

/* Adds the ranges of a unit. Returns 0 or -ENOMEM; damage is no error here. */
static int add_code(struct builder *builder, struct sp_dwarf_unit *unit)
{
    struct sp_dwarf_root root;
    int error = sp_dwarf_abbrevs_read(&builder->root_abbrevs, unit->view, unit->abbrevs, &unit->encoding,
                                      sp_dwarf_unit_root_code(unit), &builder->reading->work);
    if (!error)
        error = sp_dwarf_unit_root(unit, &builder->root_abbrevs, &root);
    if (error)
        return error == -ENOMEM ? error : 0;
    if (root.tag == DW_TAG_partial_unit)
        return 0;
    builder->units->has_split |= root.split_name.kind != SP_DWARF_NOTHING;
    const struct sp_dwarf_extent extent = {root.low_pc, root.high_pc, root.ranges};
    int got = add_ranges(builder, unit, &extent);
    return got == 0 ? add_functions(builder, unit, &root) : got < 0 ? got : 0;
}

static int add_unit(struct builder *builder, struct sp_dwarf_unit *unit)
{
    struct sp_dwarf_units *units = builder->units;
    void *at = units->offsets;
    if (units->n == SP_DWARF_NO_UNIT)
        return 0;
    if (!sp_make_room(&at, units->n, &units->offsets_capacity, sizeof(*units->offsets)))
        return -ENOMEM;
    units->offsets = at;
    units->offsets[units->n++] = unit->offset;
    const bool may_have_code = unit->type == DW_UT_compile || unit->type == DW_UT_skeleton;
    return builder->image && may_have_code ? add_code(builder, unit) : 0;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct sp_dwarf_unit_range *x = a, *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return (x->unit > y->unit) - (x->unit < y->unit);
}

static void sort_ranges(struct sp_dwarf_units *units)
{
    uint64_t end_max = 0;
    if (units->n_ranges > 1)
        qsort(units->ranges, units->n_ranges, sizeof(*units->ranges), compare_ranges);
    for (size_t i = 0; i < units->n_ranges; i++) {
        if (units->ranges[i].end > end_max)
            end_max = units->ranges[i].end;
        units->ranges[i].end_max = end_max;
    }
}

int sp_dwarf_units_init(struct sp_dwarf_units *units, struct sp_dwarf_view *view, const struct sp_elf_image *image,
                        struct sp_dwarf_reading *reading)
{
    struct builder builder = {.units = units,
                              .image = image,
                              .reading = reading,
                              .ranges_max = RANGES_MIN + reading->size / FILE_BYTES_PER_RANGE};
    struct sp_dwarf_unit unit = {.end = 0};
    int error = 0;
    *units = (struct sp_dwarf_units){.n = 0};
    do {
        int read = sp_dwarf_unit_read(&unit, view, unit.end);
        if (read == 0)
            error = add_unit(&builder, &unit);
    } while (!error && unit.end > 0);
    sp_dwarf_abbrevs_done(&builder.root_abbrevs);
    sp_dwarf_window_done(&builder.window);
    sort_ranges(units);
    if (error)
        return error;
    return units->n_ranges > 0 || (!image && units->n > 0) ? 0 : -ENOENT;
}

void sp_dwarf_units_done(struct sp_dwarf_units *units)
{
    free(units->offsets);
    free(units->ranges);
    *units = (struct sp_dwarf_units){.n = 0};
}

uint32_t sp_dwarf_units_find(const struct sp_dwarf_units *units, uint64_t vaddr)
{
    size_t low = 0, high = units->n_ranges;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (units->ranges[middle].start <= vaddr)
            low = middle + 1;
        else
            high = middle;
    }
    uint32_t found = SP_DWARF_NO_UNIT;
    for (size_t looked = 0; low > 0 && looked < LOOK_BACK_MAX && units->ranges[low - 1].end_max > vaddr; looked++)
        if (vaddr < units->ranges[--low].end && units->ranges[low].unit < found)
            found = units->ranges[low].unit;
    return found;
}

bool sp_dwarf_units_around(const struct sp_dwarf_units *units, uint64_t offset, uint64_t *unit)
{
    size_t low = 0, high = units->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (units->offsets[middle] <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return false;
    *unit = units->offsets[low - 1];
    return true;
}
