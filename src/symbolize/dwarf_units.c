/*
 * The index of units by address. See dwarf_units.h for the place and the contract.
 *
 * Context: ordinary code of one thread at a time.
 */
#include "symbolize/dwarf_units.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

/* Ranges of different units overlap in damaged files alone; there, one look-up does not look at all of them. */
#define LOOK_BACK_MAX 64

/* Makes room for one more entry of `size` bytes. */
static bool reserve(void **at, size_t n, size_t *capacity, size_t size)
{
    if (n < *capacity)
        return true;
    size_t larger = *capacity ? 2 * *capacity : 64;
    void *moved = reallocarray(*at, larger, size);
    if (!moved)
        return false;
    *at = moved;
    *capacity = larger;
    return true;
}

/* What the ranges of the last unit are read with. */
struct reader {
    struct sp_dwarf_units *units;
    const struct sp_elf_image *image;
    uint64_t *budget;
};

/* Adds the ranges of an entry to the last unit. Returns how many there were, wanted or not; or -ENOMEM. */
static int add_ranges(const struct reader *reader, Dwarf_Die *die)
{
    struct sp_dwarf_units *units = reader->units;
    Dwarf_Addr base, start, end;
    int n = 0;
    for (ptrdiff_t at = 0; *reader->budget > 0 && (at = dwarf_ranges(die, at, &base, &start, &end)) > 0; n |= 1) {
        --*reader->budget;
        if (!sp_elf_image_has_range(reader->image, start, end))
            continue;
        void *ranges = units->ranges;
        if (!reserve(&ranges, units->n_ranges, &units->ranges_capacity, sizeof(*units->ranges)))
            return -ENOMEM;
        units->ranges = ranges;
        units->ranges[units->n_ranges++] =
            (struct sp_dwarf_unit_range){.start = start, .end = end, .unit = (uint32_t)(units->n - 1)};
    }
    return n;
}

/* A unit that does not say where its code is: its functions do. */
static int add_functions(const struct reader *reader, Dwarf_Die *unit)
{
    Dwarf_Die die;
    int error = 0;
    if (dwarf_child(unit, &die) != 0)
        return 0;
    do
        if (dwarf_tag(&die) == DW_TAG_subprogram)
            error = add_ranges(reader, &die);
    while (error >= 0 && *reader->budget > 0 && dwarf_siblingof(&die, &die) == 0);
    return error;
}

static int add_unit(const struct reader *reader, Dwarf_Die *die)
{
    struct sp_dwarf_units *units = reader->units;
    void *at = units->at;
    if (units->n == SP_DWARF_NO_UNIT)
        return 0;
    if (!reserve(&at, units->n, &units->capacity, sizeof(*units->at)))
        return -ENOMEM;
    units->at = at;
    Dwarf_Off offset = dwarf_dieoffset(die);
    if (units->n > 0)
        units->at[units->n - 1].size = offset - units->at[units->n - 1].die;
    units->at[units->n++] = (struct sp_dwarf_unit){.die = offset};
    int got = add_ranges(reader, die);
    return got == 0 ? add_functions(reader, die) : got;
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

int sp_dwarf_units_init(struct sp_dwarf_units *units, Dwarf *dwarf, const struct sp_elf_image *image, uint64_t *budget)
{
    Dwarf_CU *unit = NULL;
    Dwarf_Die die;
    uint8_t type;
    int error = 0;
    const struct reader reader = {units, image, budget};
    *units = (struct sp_dwarf_units){.n = 0};
    while (error >= 0 && dwarf_get_units(dwarf, unit, &unit, NULL, &type, &die, NULL) == 0)
        if (type == DW_UT_compile || type == DW_UT_skeleton)
            error = add_unit(&reader, &die);
    sort_ranges(units);
    if (error < 0)
        return error;
    return units->n_ranges > 0 ? 0 : -ENOENT;
}

void sp_dwarf_units_done(struct sp_dwarf_units *units)
{
    free(units->at);
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
    for (size_t looked = 0; low > 0 && looked < LOOK_BACK_MAX && units->ranges[low - 1].end_max > vaddr; looked++)
        if (vaddr < units->ranges[--low].end)
            return units->ranges[low].unit;
    return SP_DWARF_NO_UNIT;
}
