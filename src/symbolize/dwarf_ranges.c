/*
 * Reads ranges of addresses (DWARF 4, 2.17.3; DWARF 5, 2.17.3 and 7.25). See dwarf_ranges.h for the place.
 *
 * Context: ordinary code of one thread at a time.
 */
#include "symbolize/dwarf_ranges.h"

#include <dwarf.h>

/* The longest entry of a list: its kind and two numbers. */
#define ENTRY_MAX 21

/* The end of code: an address, or counted from its beginning. */
static bool high_address(const struct sp_dwarf_unit *unit, const struct sp_dwarf_value *value, uint64_t low,
                         uint64_t *high)
{
    if (value->kind != SP_DWARF_CONSTANT)
        return sp_dwarf_unit_address(unit, value, high);
    *high = low + value->number;
    return true;
}

/* The offset of a list in .debug_rnglists, by its number among those of the unit. */
static bool list_offset(const struct sp_dwarf_unit *unit, uint64_t index, uint64_t *offset)
{
    uint64_t relative;
    if (!sp_dwarf_indexed(unit->view, SP_DWARF_RNGLISTS, unit->bases.range_lists, index, unit->encoding.offset_size,
                          &relative) ||
        relative > UINT64_MAX - unit->bases.range_lists)
        return false;
    *offset = unit->bases.range_lists + relative;
    return true;
}

/* Begins with a list. Offsets are also written as constants, before version 4. */
static void open_list(struct sp_dwarf_ranges *ranges, const struct sp_dwarf_value *value)
{
    const struct sp_dwarf_unit *unit = ranges->unit;
    const bool is_split = unit->view != unit->program_view;
    ranges->offset = value->number;
    if (unit->encoding.version < 5) {
        if (value->kind != SP_DWARF_OFFSET && value->kind != SP_DWARF_CONSTANT)
            return;
        ranges->section = SP_DWARF_RANGES;
        ranges->view = unit->program_view;
        if (is_split)
            ranges->offset += unit->bases.ranges;
        return;
    }
    ranges->section = SP_DWARF_RNGLISTS;
    if (value->kind == SP_DWARF_OFFSET || value->kind == SP_DWARF_CONSTANT ||
        (value->kind == SP_DWARF_LIST_INDEX && list_offset(unit, value->number, &ranges->offset)))
        ranges->view = unit->view;
}

void sp_dwarf_ranges_init(struct sp_dwarf_ranges *ranges, const struct sp_dwarf_unit *unit,
                          const struct sp_dwarf_extent *extent, uint64_t *work)
{
    struct sp_dwarf_range *single = &ranges->single;
    *ranges = (struct sp_dwarf_ranges){.unit = unit, .work = work, .base = unit->bases.code};
    /* A unit whose code is in many places has a beginning beside its list, for that to count from. */
    ranges->has_single = extent->high_pc.kind != SP_DWARF_NOTHING &&
                         sp_dwarf_unit_address(unit, &extent->low_pc, &single->start) &&
                         high_address(unit, &extent->high_pc, single->start, &single->end);
    if (!ranges->has_single && extent->ranges.kind != SP_DWARF_NOTHING)
        open_list(ranges, &extent->ranges);
}

/* The next bytes of the list, as many as an entry may have. */
static struct sp_reader next_entry(const struct sp_dwarf_ranges *ranges)
{
    const uint64_t whole = ranges->view->file->sections[ranges->section].size;
    const uint64_t left = ranges->offset < whole ? whole - ranges->offset : 0;
    const size_t size = left < ENTRY_MAX ? (size_t)left : ENTRY_MAX;
    const uint8_t *bytes = sp_dwarf_view_bytes(ranges->view, ranges->section, ranges->offset, size);
    struct sp_reader reader;
    sp_reader_init(&reader, bytes, bytes ? size : 0);
    return reader;
}

/* What an entry of a list is. */
enum entry { ENTRY_RANGE, ENTRY_BASE, ENTRY_LAST };

/* Two numbers: from the base to the base; the largest address and a new base; or zeros at the end. */
static enum entry read_pair(struct sp_dwarf_ranges *ranges, struct sp_reader *reader, struct sp_dwarf_range *range)
{
    const unsigned size = ranges->unit->encoding.address_size;
    const uint64_t largest = size == 8 ? UINT64_MAX : UINT32_MAX;
    const uint64_t start = sp_reader_fixed(reader, size), end = sp_reader_fixed(reader, size);
    if (start == 0 && end == 0)
        return ENTRY_LAST;
    if (start == largest) {
        ranges->base = end;
        return ENTRY_BASE;
    }
    *range = (struct sp_dwarf_range){ranges->base + start, ranges->base + end};
    return ENTRY_RANGE;
}

/* An address by its number in .debug_addr. */
static uint64_t read_address_index(const struct sp_dwarf_ranges *ranges, struct sp_reader *reader)
{
    const struct sp_dwarf_value value = {.kind = SP_DWARF_ADDRESS_INDEX, .number = sp_reader_varint(reader)};
    uint64_t address = 0;
    if (!sp_dwarf_unit_address(ranges->unit, &value, &address))
        sp_reader_fail(reader, 0, "an address is not in its table");
    return address;
}

/* An entry of .debug_rnglists. */
static enum entry read_kind(struct sp_dwarf_ranges *ranges, struct sp_reader *reader, struct sp_dwarf_range *range)
{
    const unsigned size = ranges->unit->encoding.address_size;
    switch (sp_reader_fixed(reader, 1)) {
    case DW_RLE_base_addressx:
        ranges->base = read_address_index(ranges, reader);
        return ENTRY_BASE;
    case DW_RLE_base_address:
        ranges->base = sp_reader_fixed(reader, size);
        return ENTRY_BASE;
    case DW_RLE_startx_endx:
        range->start = read_address_index(ranges, reader);
        range->end = read_address_index(ranges, reader);
        return ENTRY_RANGE;
    case DW_RLE_startx_length:
        range->start = read_address_index(ranges, reader);
        range->end = range->start + sp_reader_varint(reader);
        return ENTRY_RANGE;
    case DW_RLE_offset_pair:
        range->start = ranges->base + sp_reader_varint(reader);
        range->end = ranges->base + sp_reader_varint(reader);
        return ENTRY_RANGE;
    case DW_RLE_start_end:
        range->start = sp_reader_fixed(reader, size);
        range->end = sp_reader_fixed(reader, size);
        return ENTRY_RANGE;
    case DW_RLE_start_length:
        range->start = sp_reader_fixed(reader, size);
        range->end = range->start + sp_reader_varint(reader);
        return ENTRY_RANGE;
    default: /* with DW_RLE_end_of_list */
        return ENTRY_LAST;
    }
}

bool sp_dwarf_ranges_next(struct sp_dwarf_ranges *ranges, struct sp_dwarf_range *range)
{
    if (ranges->has_single) {
        ranges->has_single = false;
        *range = ranges->single;
        return true;
    }
    while (ranges->view && *ranges->work > 0) {
        struct sp_reader reader = next_entry(ranges);
        const enum entry entry =
            ranges->section == SP_DWARF_RANGES ? read_pair(ranges, &reader, range) : read_kind(ranges, &reader, range);
        --*ranges->work;
        ranges->offset += sp_reader_position(&reader);
        if (entry == ENTRY_LAST || reader.error)
            ranges->view = NULL;
        else if (entry == ENTRY_RANGE)
            return true;
    }
    return false;
}
